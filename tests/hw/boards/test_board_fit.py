"""What boards' arrays take, estimated before synthesis, against what nextpnr counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import stillframe.bitstreams
from stillframe.bitstreams.board_fit import fit_board
from stillframe.bitstreams.estimate import ERROR, MEASURED, MEASURED_ARRAYS, _features, _fit, measured
from stillframe.contract import ArrayConfig
from stillframe.contract.boards import BOARDS, Board

MANIFESTS = sorted(Path(stillframe.bitstreams.__file__).parent.glob("*/manifest.json"))
NAMES = {
    "look-up tables": ("TRELLIS_COMB", "ICESTORM_LC"),
    "multipliers": ("MULT18X18D", "ICESTORM_DSP"),
    "block RAMs": ("DP16KD", "ICESTORM_RAM"),
}


@pytest.mark.parametrize("path", MANIFESTS, ids=[path.parent.name for path in MANIFESTS])
def test_the_estimates_of_ready_bitstreams(path: Path) -> None:
    manifest = json.loads(path.read_text())
    board = BOARDS[manifest["board"]]
    fit = fit_board(board, ArrayConfig.parse(manifest["array"]))
    assert fit.problems == ()
    assert fit.fmax == manifest["fmax_mhz"] >= board.clock_mhz
    for use in fit.uses:
        (cells,) = (manifest["cells"][name] for name in NAMES[use.name] if name in manifest["cells"])
        assert use.available == cells["available"], use.name
        if use.estimated:
            assert abs(use.used / cells["used"] - 1) <= ERROR, (use, cells)
        else:
            assert use.used == cells["used"], use.name


def test_the_fit_is_close_to_what_was_counted() -> None:
    assert set(json.loads(MEASURED.read_text())) == set(MEASURED_ARRAYS)
    for array, luts in measured().items():
        assert abs(float(_features(array) @ _fit()) / luts - 1) <= ERROR, array.name


def test_nothing_is_said_of_the_clock_of_quite_another_size() -> None:
    board = BOARDS["ulx3s-85f"]
    fits = {array: fit_board(board, ArrayConfig.parse(array)) for array in ("1x4@85F", "1x8@85F", "2x16@85F")}
    assert fits["1x4@85F"].fmax is None
    assert fits["1x4@85F"].problems == ()
    assert fits["1x8@85F"].fmax == fits["2x16@85F"].fmax is not None


def slow(name: str) -> Board:
    board = BOARDS[name]
    return Board(**{**vars(board), "clock_mhz": 400})


def test_what_does_not_fit_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ArrayConfig.parse("2x8@25F")
    assert fit_board(BOARDS["ulx3s-25f"], config).problems == ()
    (problem,) = fit_board(slow("ulx3s-25f"), ArrayConfig.parse("1x8@25F")).problems
    assert "expected 1x8@25F to run at 400 MHz, arrays of that size reach some " in problem.message
    monkeypatch.setattr("stillframe.bitstreams.board_fit.ROUTABLE", 0.6)
    (problem,) = fit_board(BOARDS["ulx3s-25f"], config).problems
    assert problem.message.startswith(
        "board ulx3s-25f: expected at most 14572 of its 24288 look-up tables to be used, so that wires find "
        "their way, got some "
    )
