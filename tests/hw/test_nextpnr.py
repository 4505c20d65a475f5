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
from stillframe.bitstreams.nextpnr import DELAYS, PLACED, UNTIL_MET, place_and_route_netlist
from stillframe.contract import ArrayConfig
from stillframe.contract.boards import BOARDS

GIVEN = ["--85k", "--seed=3"]
SITES = {"block": "X4/Y10/EBR0"}
PINS = "# of pins"


@pytest.fixture
def netlist(tmp_path: Path) -> Path:
    path = tmp_path / "top.json"
    path.write_text(
        json.dumps({"modules": {"top": {"cells": {"block": {"type": BLOCK_RAM, "attributes": {}}}}}})
    )
    return path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], bytes]]:
    """Each run's arguments, and the netlist that it finds; copies are found, by whoever looks for them."""
    seen: list[tuple[list[str], bytes]] = []

    def run(tool: str, arguments: Sequence[str], folder: Path) -> None:
        assert tool == "nextpnr"
        seen.append((list(arguments), (folder / "top.json").read_bytes()))

    def copied(netlist: Path, placed: Path, delays: Path, period: float) -> int:
        assert (placed, delays, period) == (netlist.parent / PLACED, netlist.parent / DELAYS, 16)
        netlist.write_bytes(netlist.read_bytes() + b"\n")
        return 7

    monkeypatch.setattr(nextpnr.tools, "run", run)
    monkeypatch.setattr(nextpnr, "copy_registers", copied)
    return seen


def test_without_a_plan_all_is_as_it_was(netlist: Path, runs: list[tuple[list[str], bytes]]) -> None:
    before = netlist.read_bytes()
    place_and_route_netlist("nextpnr", GIVEN, netlist, {}, 16)
    assert runs == [([*GIVEN, "--json=top.json"], before)]


def test_with_a_plan_all_is_placed_twice(netlist: Path, runs: list[tuple[list[str], bytes]]) -> None:
    """First from the same seed always, so that all seeds have the same copies."""
    stages: list[str] = []
    place_and_route_netlist("nextpnr", GIVEN, netlist, SITES, 16, stages.append)
    (first, told), (second, copied) = runs
    assert second == [*GIVEN, "--json=top.json", *OPTIONS]
    same = ["--85k", "--seed=1", *second[2:]]
    assert first == [*same, "--no-route", f"--write={PLACED}", f"--sdf={DELAYS}"]
    top = json.loads(told)["modules"]["top"]
    assert top["settings"] == SETTINGS
    assert top["cells"]["block"]["attributes"]["BEL"] == SITES["block"]
    assert copied == told + b"\n"
    assert stages[-1] == "place and route with 7 copies (nextpnr)"


@pytest.mark.parametrize(("sites", "anew"), [({}, False), (SITES, True)])
def test_a_planned_board_is_routed_until_its_clock_is_met(
    sites: dict[str, str], anew: bool, netlist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reached(Exception):  # noqa: N818
        """How far this goes."""

    def route(tool: str, options: Sequence[str], path: Path, found: Any, period: float, stage: Any) -> None:
        assert (tool, path, found, period) == ("nextpnr", netlist, sites, 1000 / board.clock_mhz)
        assert options == [*GIVEN, *([UNTIL_MET] if anew else [])]
        asked = f'\nFREQUENCY NET "pll.o" {board.clock_mhz + 0.25} MHZ;\n'
        (constraints,) = written
        assert constraints.read_text() == PINS + (asked if anew else "")
        raise Reached

    board = BOARDS["ulx3s-85f"]
    family = SimpleNamespace(nextpnr="nextpnr")
    flow = SimpleNamespace(options=lambda platform, seed: GIVEN, family=family, constraints="top.lpf")

    written: list[Path] = []

    def synthesise(board: Any, config: Any, folder: Path, stage: Any) -> tuple[Any, ...]:
        written.append(folder / flow.constraints)
        written[0].write_text(PINS)
        return None, flow, SimpleNamespace(path=netlist, cells={})

    monkeypatch.setattr(board_build, "synthesise_board", synthesise)
    monkeypatch.setattr(board_build, "floorplan", lambda cells, part: sites)
    monkeypatch.setattr(board_build, "place_and_route_netlist", route)
    with pytest.raises(Reached):
        build_board(board, ArrayConfig.parse(board.array), 3)
