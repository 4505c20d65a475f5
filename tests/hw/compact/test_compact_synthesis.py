"""The compact machine on its part: cells, and the clock that place and route gives."""

from __future__ import annotations

import pytest
from compact_devices import ARRAY

from stillframe.bitstreams.__main__ import main


def test_it_fits_and_reaches_24_mhz(capsys: pytest.CaptureFixture[str]) -> None:
    """What hw/compact/README.md says of it."""
    assert main(["cells", ARRAY]) == 0
    assert capsys.readouterr().out.endswith("5 multipliers, 15 block RAMs, 4 SPRAMs\n")
    assert main(["fmax", ARRAY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "compact_accelerator 1x4@UP5K on iCE40UP5K, seed 1"
    assert lines[1].split() == ["logic", "cells", "3386", "of", "5280", "(64", "%)"]
    assert lines[5] == "fmax: 25.5 MHz by nextpnr's estimate; 24 MHz reached"
    assert lines[8].split()[:3] == ["compact_accelerator.memory", "high", "register"]
