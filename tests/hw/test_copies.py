"""Copies of registers: what a netlist's delays say, and what hangs on what afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.bitstreams import copies
from stillframe.bitstreams.copies import GOAL, MANY, REACH, TILE, copy_registers
from stillframe.bitstreams.family import ECP5
from stillframe.bitstreams.floorplan import ALL, MULTIPLIER, SITES
from stillframe.bitstreams.netlist import TOP, Netlist, synthesise
from stillframe.bitstreams.nextpnr import DELAYS, PLACED, place_and_route_netlist
from stillframe.bitstreams.place_and_route import read_report
from stillframe.bitstreams.timing import read_timing

PERIOD = 20
"""In ns."""
LATE = round(1000 * GOAL * PERIOD)
LAUNCH, SETUP, NEAR = 500, 100, 300
"""Of all registers, and of wires within a group, in ps."""

Cells = dict[str, Any]


def register(d: int | str, q: int) -> dict[str, Any]:
    return {
        "type": "TRELLIS_FF",
        "parameters": {"REGSET": "RESET"},
        "attributes": {},
        "port_directions": {"CLK": "input", "DI": "input", "Q": "output"},
        "connections": {"CLK": [2], "DI": [d], "Q": [q]},
    }


class Case:
    """A register "home", whose input comes from "source" and on which groups of others hang."""

    def __init__(self, folder: Path, groups: dict[tuple[int, int], int], come: int = NEAR) -> None:
        """``groups``: by tile, the delay of the wire to the registers there; ``come``: of that to "home"."""
        self.folder = folder
        self.cells: Cells = {"source": register("0", 3), "home": register(3, 4)}
        places = {"source": (0, 0), "home": (0, 0)}
        delays = {("source/Q", "home/DI"): come}
        for tile, delay in groups.items():
            for n in range(MANY // 2):
                name = f"sink_{tile[0]}_{tile[1]}_{n}"
                self.cells[name] = register(4, len(self.cells) + 10)
                places[name] = tile
                delays["home/Q", f"{name}/DI"] = delay
        bits = {bit for cell in self.cells.values() for bit in (2, *cell["connections"]["Q"])}
        nets = {f"net_{bit}": {"hide_name": 0, "bits": [bit], "attributes": {}} for bit in bits}
        top = {"attributes": {}, "ports": {}, "cells": self.cells, "netnames": nets}
        self.netlist, self.placed, self.delays = (folder / name for name in ("top.json", PLACED, DELAYS))
        self.netlist.write_text(json.dumps({"modules": {TOP: top}}))
        placed = {
            name: {"attributes": {"NEXTPNR_BEL": f"X{x}/Y{y}/SLICEA.FF0"}} for name, (x, y) in places.items()
        }
        self.placed.write_text(json.dumps({"modules": {TOP: {"cells": placed}}}))
        wires = [f"(INTERCONNECT {a} {b} (1:2:{d}) (1:2:{d}))" for (a, b), d in delays.items()]
        for name in self.cells:
            wires += [
                f"(INSTANCE {name})",
                f"(IOPATH CLK Q (1:2:{LAUNCH}) (1:2:{LAUNCH}))",
                f"(SETUPHOLD (posedge DI) (posedge CLK) (1:2:{SETUP}) (0:0:0))",
            ]
        self.delays.write_text("\n".join(wires))

    def copy(self) -> dict[str, set[str]]:
        """What hangs on "home" and on its copies, by the tile's column; all else must be as it was."""
        count = copy_registers(self.netlist, self.placed, self.delays, PERIOD)
        top = json.loads(self.netlist.read_bytes())["modules"][TOP]
        drivers = {cell["connections"]["Q"][0]: name for name, cell in top["cells"].items()}
        assert len(drivers) == len(top["cells"])
        named = {bit for net in top["netnames"].values() for bit in net["bits"]}
        assert named == {2, *drivers}
        hanging: dict[str, set[str]] = {}
        for name, cell in self.cells.items():
            own = top["cells"].pop(name)
            if name.startswith("sink"):
                hanging.setdefault(drivers[own["connections"]["DI"][0]], set()).add(name.rsplit("_", 1)[0])
                own["connections"]["DI"] = cell["connections"]["DI"]
            assert own == cell
        assert len(top["cells"]) == count
        for name, cell in top["cells"].items():
            assert name.startswith("home$copy")
            cell["connections"]["Q"] = self.cells["home"]["connections"]["Q"]
            assert cell == self.cells["home"]
        return hanging


def test_slack_is_what_is_left_of_the_period(tmp_path: Path) -> None:
    case = Case(tmp_path, {(0, 0): NEAR, (5, 0): 7000})
    slack = read_timing(case.delays).slack(9000)
    assert slack["sink_0_0_0", "DI"] == 9000 - LAUNCH - NEAR - SETUP
    assert slack["sink_5_0_0", "DI"] == slack["home", "Q"] == 9000 - LAUNCH - 7000 - SETUP
    assert slack["home", "DI"] == slack["source", "Q"] == 9000 - LAUNCH - NEAR - SETUP
    assert ("source", "DI") not in slack  # no path leads there


def test_delays_add_up_through_cells(tmp_path: Path) -> None:
    """Names may be escaped; of several delays the longest counts."""
    file = tmp_path / "some.sdf"
    lines = [
        r"(INTERCONNECT a\$1/Q table/A (1:2:10) (1:2:9))",
        "(INTERCONNECT b/Q table/B (0:0:100) (0:0:1))",
        "(INTERCONNECT table/F c/M (0:0:1000) (0:0:1))",
        "(INSTANCE table)",
        "(IOPATH A F (1:1:7) (1:1:7))",
        "(IOPATH B F (1:1:3) (1:1:3))",
        r"(INSTANCE a\$1)",
        "(IOPATH CLK Q (1:1:500) (1:1:500))",
        "(SETUPHOLD (posedge M) (posedge CLK) (0:0:5) (0:0:0))",
        "(INSTANCE b)",
        "(IOPATH CLK Q (1:1:400) (1:1:1))",
        "(SETUPHOLD (negedge M) (posedge CLK) (0:0:5) (0:0:0))",
        "(INSTANCE c)",
        "(SETUPHOLD (posedge M) (posedge CLK) (0:0:20) (0:0:0))",
        "(SETUPHOLD (negedge M) (posedge CLK) (0:0:-30) (0:0:0))",
    ]
    file.write_text("\n".join(lines))
    slack = read_timing(file).slack(2000)
    through_a, through_b = 500 + 10 + 7, 400 + 100 + 3
    assert slack["c", "M"] == 2000 - max(through_a, through_b) - 1000 - 20
    assert slack["a$1", "Q"] == slack["c", "M"]
    assert slack["b", "Q"] == slack["c", "M"] + through_a - through_b


def test_a_late_register_gets_a_copy_elsewhere(tmp_path: Path) -> None:
    case = Case(tmp_path, {(0, 0): NEAR, (40, 0): LATE})
    hanging = case.copy()
    assert hanging.pop("home") == {"sink_0_0"}
    assert list(hanging.values()) == [{"sink_40_0"}]


def test_what_lies_within_reach_needs_none(tmp_path: Path) -> None:
    assert Case(tmp_path, {(0, 0): NEAR, (REACH - 8, 8): LATE}).copy() == {
        "home": {"sink_0_0", f"sink_{REACH - 8}_8"}
    }


def test_what_is_in_time_needs_none(tmp_path: Path) -> None:
    assert list(Case(tmp_path, {(0, 0): NEAR, (40, 0): LATE - LAUNCH - SETUP}).copy()) == ["home"]


@pytest.mark.parametrize(("spare", "count"), [(1, 2), (-1, 1)])
def test_a_copy_must_be_reached_sooner_than_what_was_late(tmp_path: Path, spare: int, count: int) -> None:
    """Its inputs have less time the farther it is; else it would only move what is late."""
    late_by, way = 1000, 60 * TILE
    come = LATE - LAUNCH - SETUP - way + late_by - spare
    groups = {(0, 0): NEAR, (60, 0): LATE - LAUNCH - SETUP + late_by}
    assert len(Case(tmp_path, groups, come).copy()) == count


def test_what_comes_from_no_register_is_sampled_once(tmp_path: Path) -> None:
    """A pin, or a PLL's lock: two registers need not see it change in the same cycle."""
    case = Case(tmp_path, {(0, 0): NEAR, (40, 0): 2 * LATE})
    wires = case.delays.read_text().splitlines()
    case.delays.write_text("\n".join(line for line in wires if "home/DI" not in line))
    assert list(case.copy()) == ["home"]


def test_there_are_copies_across_and_down(tmp_path: Path) -> None:
    corners = {(0, 0): NEAR, (22, 0): LATE, (0, 22): LATE, (22, 22): LATE}
    assert sorted(map(len, Case(tmp_path, corners).copy().values())) == [1, 1, 1, 1]


class Shared(wiring.Component):
    """Multipliers that share an operand."""

    COUNT = 8

    i: Signal
    o: Signal

    def __init__(self) -> None:
        super().__init__({"i": In(18), "o": Out(36)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        first, shared, before = Signal(18, reset_less=True), Signal(18, reset_less=True), self.i
        m.d.sync += [first.eq(self.i), shared.eq(first ^ first.rotate_left(1))]
        total = Const(0, 36)
        for n in range(self.COUNT):
            own = Signal(18, name=f"own_{n}", reset_less=True)
            product, following = (Signal(36, name=f"{name}_{n}") for name in ("product", "total"))
            m.d.sync += [own.eq(before), product.eq(shared * own), following.eq(total ^ product)]
            before, total = own, following
        m.d.comb += self.o.eq(total)
        return m


def test_a_clock_is_faster_with_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through nextpnr: with the multipliers at the ends of an LFE5U-85F one register is far from either."""
    freq = 100.0

    def fmax(name: str) -> tuple[float, int]:
        folder = tmp_path / name
        folder.mkdir()
        netlist = Netlist(folder / f"{TOP}.json")
        netlist.path.write_bytes(synthesise(Shared()).path.read_bytes())
        blocks = sorted(name for name, kind in netlist.cells.items() if kind == MULTIPLIER)
        ends = (*range(Shared.COUNT // 2), *range(ALL - Shared.COUNT // 2, ALL))
        sites = {name: SITES["85F"][MULTIPLIER].bel(34, n) for name, n in zip(blocks, ends, strict=True)}
        options = [*ECP5.device("85F", 6), "--seed=1", "--timing-allow-fail", "--report=report.json"]
        said: list[str] = []
        place_and_route_netlist(ECP5.nextpnr, options, netlist.path, sites, 1000 / freq, said.append)
        report = json.loads((folder / "report.json").read_bytes())
        cells = json.loads(netlist.path.read_bytes())["modules"][TOP]["cells"]
        number = sum("$copy" in cell for cell in cells)
        assert said[-1] == f"place and route with {number} copies (nextpnr)"
        return read_report(report, netlist, name=name, part="85F", speed=6, seed=1, freq=freq).fmax, number

    fast, number = fmax("copies")
    monkeypatch.setattr(copies, "MANY", 10**6)
    slow, none = fmax("none")
    assert number > none == 0
    assert fast > slow
