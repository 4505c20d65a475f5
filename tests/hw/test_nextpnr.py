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
from stillframe.bitstreams.floorplan import BLOCK_RAM, OPTIONS, SETTINGS
from stillframe.bitstreams.kept_free import MARK
from stillframe.bitstreams.netlist import TOP
from stillframe.bitstreams.nextpnr import GO_ON, PLACED, UNTIL_MET, place_and_route_netlist
from stillframe.contract import ArrayConfig
from stillframe.contract.boards import BOARDS

GIVEN = ["--85k", "--seed=3"]
FREE = f"{MARK}X4/Y13/SLICEA.K0"
SITES = {"block": "X4/Y10/EBR0", FREE: "X4/Y13/SLICEA.K0"}


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
    """All runs; one that is to write a placement writes one with an unused pin and a site kept free."""
    seen: list[Run] = []

    def run(tool: str, arguments: Sequence[str], folder: Path) -> None:
        assert tool == "nextpnr"
        options = dict(argument.split("=") for argument in arguments if "=" in argument)
        seen.append((list(arguments), folder.joinpath(options["--json"]).read_bytes()))
        if "--write" in options:
            cells = {"block": {"connections": {"A": [], "B": [2]}}, FREE: {"connections": {}}}
            placed = {"modules": {TOP: {"settings": {}, "cells": cells}}}
            folder.joinpath(options["--write"]).write_text(json.dumps(placed))

    monkeypatch.setattr(nextpnr.tools, "run", run)
    return seen


def test_without_a_plan_there_is_one_run(netlist: Path, runs: list[Run]) -> None:
    before = netlist.read_bytes()
    place_and_route_netlist("nextpnr", GIVEN, netlist, {}, 62.5)
    assert runs == [([*GIVEN, "--json=top.json"], before)]


def test_with_a_plan_the_clock_is_asked_for_between_place_and_route(netlist: Path, runs: list[Run]) -> None:
    stages: list[str] = []
    place_and_route_netlist("nextpnr", GIVEN, netlist, SITES, 62.5, stages.append)
    (placing, told), (routing, placed) = runs
    assert placing == [*GIVEN, *OPTIONS, "--json=top.json", "--no-route", f"--write={PLACED}"]
    top = json.loads(told)["modules"][TOP]
    assert top["settings"] == SETTINGS
    assert {name: cell["attributes"]["BEL"] for name, cell in top["cells"].items()} == SITES
    assert routing == [*GIVEN, *OPTIONS, *GO_ON, f"--json={PLACED}"]
    top = json.loads(placed)["modules"][TOP]
    assert float(top["settings"].pop("target_freq")) == 62.5e6
    # Unused pins are tied to 0, not left out; the site is free again.
    assert top["cells"] == {"block": {"connections": {"A": ["x"], "B": [2]}}}
    assert stages == ["placement (nextpnr)", "routing (nextpnr)"]


@pytest.mark.parametrize(("sites", "anew"), [({}, False), (SITES, True)])
def test_a_planned_board_is_routed_until_its_clock_is_met(
    sites: dict[str, str], anew: bool, netlist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reached(Exception):  # noqa: N818
        """How far this goes."""

    def route(tool: str, options: Sequence[str], path: Path, found: Any, mhz: float, stage: Any) -> None:
        assert (tool, path, found, mhz) == ("nextpnr", netlist, sites, board.clock_mhz + 1)
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
