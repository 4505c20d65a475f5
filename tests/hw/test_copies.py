"""Copies of what is late: what a netlist's delays say, and what hangs on what afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from placed_cells import flipflop, save_placed, table

from stillframe.bitstreams import copies
from stillframe.bitstreams.copies import GAIN, MANY, REACH, TILE, copy_late
from stillframe.bitstreams.family import ECP5
from stillframe.bitstreams.floorplan import ALL, MULTIPLIER, SITES
from stillframe.bitstreams.netlist import TOP, Netlist, synthesise
from stillframe.bitstreams.nextpnr import DELAYS, PLACED, place_and_route_netlist
from stillframe.bitstreams.place_and_route import read_report
from stillframe.bitstreams.placed import PlacedNetlist
from stillframe.bitstreams.timing import read_timing

LATE = 18_000
"""In ps; what comes later is late."""
LAUNCH, SETUP, THROUGH, NEAR = 500, 100, 200, 300
"""Of all registers, through tables, and of wires within a group, in ps."""

Groups = dict[tuple[int, int], int]
"""By tile, the delay of the wire from "home" to each register there."""


class Case:
    """A register "home", or a table, whose input comes from "source", and groups of registers behind it."""

    def __init__(
        self, folder: Path, groups: Groups, come: int = NEAR, kind: str = "register", source: int = 0
    ) -> None:
        """``come``: delay of the wire to "home"; ``source``: how far from it, in tiles, "source" lies."""
        self.delays = folder / DELAYS
        home, into, out = (flipflop(3, 4), "DI", "Q") if kind == "register" else (table(3, 4), "A", "F")
        cells: dict[str, Any] = {"source": flipflop("x", 3), "home": home}
        places = {"source": (source, 0), "home": (0, 0)}
        delays = {("source/Q", f"home/{into}"): come}
        for tile, delay in groups.items():
            for n in range(MANY // 2):
                name = f"sink_{tile[0]}_{tile[1]}_{n}"
                cells[name] = flipflop(4, len(cells) + 10, port="M")
                places[name] = tile
                delays[f"home/{out}", f"{name}/M"] = delay
        save_placed(folder / PLACED, cells, places)
        lines = [f"(INTERCONNECT {a} {b} (1:2:{d}) (1:2:{d}))" for (a, b), d in delays.items()]
        for name, cell in cells.items():
            lines.append(f"(INSTANCE {name})")
            if cell["type"] == "TRELLIS_COMB":
                lines.append(f"(IOPATH A F (1:2:{THROUGH}) (1:2:{THROUGH}))")
                continue
            lines.append(f"(IOPATH CLK Q (1:2:{LAUNCH}) (1:2:{LAUNCH}))")
            for port in {"DI", "M"} & {*cell["connections"]}:
                lines.append(f"(SETUPHOLD (posedge {port}) (posedge CLK) (1:2:{SETUP}) (0:0:0))")
        self.delays.write_text("\n".join(lines))
        self.netlist = PlacedNetlist(folder / PLACED)

    def copy(self) -> dict[str, set[str]]:
        """What hangs on "home" and on its copies, by the tile."""
        count = copy_late(self.netlist, read_timing(self.delays), LATE)
        drivers = self.netlist.drivers()
        hanging: dict[str, set[str]] = {}
        for name, cell in self.netlist.cells.items():
            if name.startswith("sink"):
                driver = drivers[cell["connections"]["M"][0]]
                hanging.setdefault(driver, set()).add(name.rsplit("_", 1)[0])
        assert {*hanging} == {"home", *(f"home$copy{n}" for n in range(count))}
        return hanging


def test_slack_is_what_is_left_of_the_period(tmp_path: Path) -> None:
    case = Case(tmp_path, {(0, 0): NEAR, (5, 0): 7000})
    timing = read_timing(case.delays)
    slack = timing.slack(9000)
    assert slack["sink_0_0_0", "M"] == 9000 - LAUNCH - NEAR - SETUP
    assert slack["sink_5_0_0", "M"] == slack["home", "Q"] == 9000 - LAUNCH - 7000 - SETUP
    assert slack["home", "DI"] == slack["source", "Q"] == 9000 - LAUNCH - NEAR - SETUP
    assert ("source", "DI") not in slack  # no path leads there
    assert timing.needed()["sink_5_0_1", "M"] == LAUNCH + 7000 + SETUP
    ends = 1 + 2 * (MANY // 2)  # "home" and all sinks
    assert len(timing.needed()) == ends
    assert timing.lateness(7000) == (LAUNCH + 7000 + SETUP, MANY // 2 * (LAUNCH + SETUP))


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
    timing = read_timing(file)
    slack = timing.slack(2000)
    through_a, through_b = 500 + 10 + 7, 400 + 100 + 3
    assert slack["c", "M"] == 2000 - max(through_a, through_b) - 1000 - 20
    assert slack["a$1", "Q"] == slack["c", "M"]
    assert slack["b", "Q"] == slack["c", "M"] + through_a - through_b
    assert timing.needed() == {("c", "M"): max(through_a, through_b) + 1000 + 20}
    assert timing.arrivals()["table", "F"] == max(through_a, through_b)


def test_a_late_register_gets_a_copy_elsewhere(tmp_path: Path) -> None:
    case = Case(tmp_path, {(0, 0): NEAR, (40, 0): LATE})
    hanging = case.copy()
    assert hanging == {"home": {"sink_0_0"}, "home$copy0": {"sink_40_0"}}
    assert case.netlist.places["home$copy0"] == (40, 0)


def test_what_lies_within_reach_needs_none(tmp_path: Path) -> None:
    assert Case(tmp_path, {(0, 0): NEAR, (REACH - 4, 4): LATE}).copy() == {
        "home": {"sink_0_0", f"sink_{REACH - 4}_4"}
    }


def test_what_is_in_time_needs_none(tmp_path: Path) -> None:
    assert list(Case(tmp_path, {(0, 0): NEAR, (40, 0): LATE - LAUNCH - SETUP}).copy()) == ["home"]


@pytest.mark.parametrize(("spare", "count"), [(GAIN, 2), (GAIN - 1, 1)])
def test_a_copy_must_be_reached_sooner_than_what_was_late(tmp_path: Path, spare: int, count: int) -> None:
    """Its inputs have less time the farther it is; else it would only move what is late."""
    late_by, way = 1000, 60 * TILE
    come = LATE - LAUNCH - SETUP - way + late_by - spare
    groups = {(0, 0): NEAR, (60, 0): LATE - LAUNCH - SETUP + late_by}
    assert len(Case(tmp_path, groups, come).copy()) == count


@pytest.mark.parametrize(("source", "count"), [(0, 1), (20, 2)])
def test_a_copy_of_a_table_must_be_on_the_way(tmp_path: Path, source: int, count: int) -> None:
    """One that lies between what it comes from and what hangs on it takes no time off by a copy; one that
    lies aside does."""
    groups = {(0, 0): NEAR, (40, 0): LATE}
    assert len(Case(tmp_path, groups, TILE * source, "table", source).copy()) == count


def test_what_comes_from_no_register_is_sampled_once(tmp_path: Path) -> None:
    """A pin, or a PLL's lock: two registers need not see it change in the same cycle."""
    case = Case(tmp_path, {(0, 0): NEAR, (40, 0): 2 * LATE})
    lines = case.delays.read_text().splitlines()
    case.delays.write_text("\n".join(line for line in lines if "home/DI" not in line))
    assert list(case.copy()) == ["home"]


def test_there_are_copies_across_and_down(tmp_path: Path) -> None:
    corners = {(0, 0): NEAR, (22, 0): LATE, (0, 22): LATE, (22, 22): LATE}
    assert sorted(map(len, Case(tmp_path, corners).copy().values())) == [1, 1, 1, 1]


class Shared(wiring.Component):
    """Multipliers that share an operand; what else goes from one half to the other has time for it."""

    COUNT = 8

    i: Signal
    o: Signal

    def __init__(self) -> None:
        super().__init__({"i": In(18), "o": Out(36)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        first, shared, before = Signal(18, reset_less=True), Signal(18, reset_less=True), self.i
        m.d.sync += [first.eq(self.i ^ self.i.rotate_left(1)), shared.eq(first)]
        total = Const(0, 36)
        for n in range(self.COUNT):
            if n == self.COUNT // 2:
                before, total = (self._slowly(m, signal) for signal in (before, total))
            own = Signal(18, name=f"own_{n}", reset_less=True)
            product, following = (Signal(36, name=f"{name}_{n}") for name in ("product", "total"))
            m.d.sync += [own.eq(before), product.eq(shared * own), following.eq(total ^ product)]
            before, total = own, following
        m.d.comb += self.o.eq(total)
        return m

    def _slowly(self, m: Module, signal: Value) -> Value:
        for n in range(3):
            later = Signal(len(signal), name=f"way_{len(signal)}_{n}", reset_less=True)
            m.d.sync += later.eq(signal)
            signal = later
        return signal


def test_a_clock_is_faster_with_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through nextpnr: with the multipliers half an LFE5U-85F apart a register is far from one half."""
    freq = 100.0

    def fmax(name: str) -> tuple[float, int]:
        folder = tmp_path / name
        folder.mkdir()
        netlist = Netlist(folder / f"{TOP}.json")
        netlist.path.write_bytes(synthesise(Shared()).path.read_bytes())
        blocks = sorted(name for name, kind in netlist.cells.items() if kind == MULTIPLIER)
        half = Shared.COUNT // 2
        ends = (*range(half), *range(ALL // 2, ALL // 2 + half))
        sites = {name: SITES["85F"][MULTIPLIER].bel(34, n) for name, n in zip(blocks, ends, strict=True)}
        options = [*ECP5.device("85F", 6), "--seed=1", "--timing-allow-fail", "--report=report.json"]
        options += [f"--freq={freq:g}"]
        place_and_route_netlist(ECP5.nextpnr, options, netlist.path, sites, freq)
        report = json.loads((folder / "report.json").read_bytes())
        rounds = len([*folder.glob(f"*_{PLACED}")])
        return read_report(report, netlist, name=name, part="85F", speed=6, seed=1, freq=freq).fmax, rounds

    fast, rounds = fmax("copies")
    monkeypatch.setattr(copies, "MANY", 10**6)
    slow, none = fmax("none")
    assert rounds > none == 0
    assert fast > slow
