"""Which runs of nextpnr a netlist takes, with which options: with a floor plan, without one, for a board."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stillframe.bitstreams import board_build, nextpnr
from stillframe.bitstreams.board_build import build_board
from stillframe.bitstreams.copies import GOAL
from stillframe.bitstreams.floorplan import BLOCK_RAM, OPTIONS, SETTINGS
from stillframe.bitstreams.nextpnr import (
    DELAYS,
    GO_ON,
    PLACED,
    ROUNDS,
    UNTIL_MET,
    place_and_route_netlist,
)
from stillframe.contract import ArrayConfig
from stillframe.contract.boards import BOARDS

GIVEN = ["--85k", "--seed=3"]
SITES = {"block": "X4/Y10/EBR0"}


@pytest.fixture
def netlist(tmp_path: Path) -> Path:
    path = tmp_path / "top.json"
    path.write_text(
        json.dumps({"modules": {"top": {"cells": {"block": {"type": BLOCK_RAM, "attributes": {}}}}}})
    )
    return path


Run = tuple[list[str], bytes]
"""Arguments, and the netlist that they name, as it is then."""


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """All runs; one that is to write a placement or delays writes some."""
    seen: list[Run] = []

    def run(tool: str, arguments: Sequence[str], folder: Path) -> None:
        assert tool == "nextpnr"
        options = dict(argument.split("=") for argument in arguments if "=" in argument)
        seen.append((list(arguments), folder.joinpath(options["--json"]).read_bytes()))
        for option in ("--write", "--sdf"):
            if option in options:
                folder.joinpath(options[option]).write_text(str(len(seen)))

    monkeypatch.setattr(nextpnr.tools, "run", run)
    return seen


class Placed:
    """A placed netlist whose copies are counted."""

    def __init__(self, path: Path) -> None:
        assert path.read_text() == "1"
        self.copies = 0

    def ask_for(self, mhz: float) -> None:
        self.mhz = mhz

    def save(self, path: Path) -> None:
        path.write_text(f"{self.mhz:g} MHz, {self.copies} copies")


def test_without_a_plan_there_is_one_run(netlist: Path, runs: list[Run]) -> None:
    before = netlist.read_bytes()
    place_and_route_netlist("nextpnr", GIVEN, netlist, {}, 62.5)
    assert runs == [([*GIVEN, "--json=top.json"], before)]


@pytest.mark.parametrize(
    ("added", "longest", "routed"),
    [
        ([0], [16], 0),
        ([7, 0], [16, 15], 7),
        ([7, 2, 1, 3], [16, 15, 13, 14, 15], 9),  # the best round's, not the last one's
        ([7, 2, 1, 3, 5], [16, 15, 14, 13, 12], 13),  # and no more than so many rounds
        ([7, 0], [15, 16], 0),
    ],
)
def test_with_a_plan_copies_are_tried_between_place_and_route(
    added: list[int],
    longest: list[int],
    routed: int,
    netlist: Path,
    runs: list[Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def copy_late(placed: Placed, timing: Any, late_after: int) -> int:
        assert late_after == round(16_000 * GOAL)
        assert timing.lateness(late_after) == (1000 * longest[len(runs) - 1], 0)  # of the last run
        placed.copies += (count := added.pop(0))
        return count

    def read_timing(path: Path) -> Any:
        assert path == netlist.with_name(DELAYS)
        assert path.read_text() == str(len(runs))
        late = 1000 * longest[len(runs) - 1], 0
        return SimpleNamespace(lateness=lambda late_after: late)

    monkeypatch.setattr(nextpnr, "PlacedNetlist", Placed)
    monkeypatch.setattr(nextpnr, "copy_late", copy_late)
    monkeypatch.setattr(nextpnr, "read_timing", read_timing)
    stages: list[str] = []
    rounds = min(len(longest) - 1, ROUNDS)
    place_and_route_netlist("nextpnr", GIVEN, netlist, SITES, 62.5, stages.append)
    (first, told), *tries, (last, found) = runs
    assert first == [
        *GIVEN,
        *OPTIONS,
        "--json=top.json",
        "--no-route",
        f"--write={PLACED}",
        f"--sdf={DELAYS}",
    ]
    top = json.loads(told)["modules"]["top"]
    assert top["settings"] == SETTINGS
    assert top["cells"]["block"]["attributes"]["BEL"] == SITES["block"]
    assert len(tries) == rounds
    for arguments, _ in tries:
        assert [*arguments[:-3], *arguments[-2:]] == [
            *GIVEN, *OPTIONS, *GO_ON, "--no-route", f"--sdf={DELAYS}"
        ]  # fmt: skip
    assert last[:-1] == [*GIVEN, *OPTIONS, *GO_ON]
    assert found.decode() == f"62.5 MHz, {routed} copies"
    assert len(stages) == 2 + rounds


@pytest.mark.parametrize(("sites", "anew"), [({}, False), (SITES, True)])
def test_a_planned_board_is_routed_until_its_clock_is_met(
    sites: dict[str, str], anew: bool, netlist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reached(Exception):  # noqa: N818
        """How far this goes."""

    def route(tool: str, options: Sequence[str], path: Path, found: Any, mhz: float, stage: Any) -> None:
        assert (tool, path, found, mhz) == ("nextpnr", netlist, sites, board.clock_mhz + 0.25)
        assert options == [*GIVEN, *([UNTIL_MET] if anew else [])]
        raise Reached

    board = BOARDS["ulx3s-85f"]
    family = SimpleNamespace(nextpnr="nextpnr")
    flow = SimpleNamespace(options=lambda platform, seed: GIVEN, family=family)

    def synthesise(board: Any, config: Any, folder: Path, stage: Any) -> tuple[Any, ...]:
        return None, flow, SimpleNamespace(path=netlist, cells={})

    monkeypatch.setattr(board_build, "synthesise_board", synthesise)
    monkeypatch.setattr(board_build, "floorplan", lambda cells, part: sites)
    monkeypatch.setattr(board_build, "place_and_route_netlist", route)
    with pytest.raises(Reached):
        build_board(board, ArrayConfig.parse(board.array), 3)
