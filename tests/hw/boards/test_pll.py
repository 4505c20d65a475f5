"""The PLLs' dividers, against those that Trellis' and IceStorm's own calculators give."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stillframe.hw.boards.ecp5_pll import ecp5_dividers
from stillframe.hw.boards.ice40_pll import ice40_dividers

CALCULATOR = "import sys, yowasp_nextpnr_{0} as y; sys.exit(y.run_{1}(sys.argv[1:]))"


def verilog(calculator: str, reference: float, mhz: float, folder: Path) -> str:
    """What a calculator writes."""
    arguments = ["-i", str(reference), "-o", str(mhz), "-f", "pll.v"]
    subprocess.run(
        [sys.executable, "-c", calculator, *arguments], cwd=folder, check=True, capture_output=True
    )
    return folder.joinpath("pll.v").read_text()


def calculated(reference: float, mhz: float, folder: Path) -> dict[str, int]:
    """What ecppll finds."""
    text = verilog(CALCULATOR.format("ecp5", "ecppll"), reference, mhz, folder)
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


@pytest.mark.parametrize(
    ("reference", "mhz"), [(12, 24), (12, 18), (12, 21), (12, 48), (16, 60), (48, 33), (100, 75), (100, 25)]
)
def test_an_ice40s_dividers_are_those_of_the_calculator(reference: float, mhz: float, tmp_path: Path) -> None:
    text = verilog(CALCULATOR.format("ice40", "icepll"), reference, mhz, tmp_path)
    theirs = {name: int(value, 2) for name, value in re.findall(r"\.(\w+)\(\d'b([01]+)\)", text)}
    dividers = ice40_dividers(reference, mhz)
    assert dividers.mhz == mhz
    assert dividers.reference - 1 == theirs["DIVR"]
    assert dividers.feedback - 1 == theirs["DIVF"]
    assert dividers.output_bits == theirs["DIVQ"]
    assert dividers.filter_range == theirs["FILTER_RANGE"]


def test_an_ice40s_clock_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a clock that 12 MHz can be turned into, got 5"):
        ice40_dividers(12, 5)
