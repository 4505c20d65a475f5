"""Placed netlists: where copies go, and that nextpnr goes on with one as if it had not stopped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from placed_cells import flipflop, save_placed, table
from small_arrays import small_array

from stillframe.bitstreams import tools
from stillframe.bitstreams.family import ECP5
from stillframe.bitstreams.netlist import TOP, Netlist, synthesise
from stillframe.bitstreams.nextpnr import GO_ON
from stillframe.bitstreams.place_and_route import read_report
from stillframe.bitstreams.placed import NEAR, REGISTER, TABLE, PlacedNetlist
from stillframe.bitstreams.shell import Shell
from stillframe.hw.mac_bank import MacBank

FAR = (30, 30)

OF_WIRES = re.compile(r"SLICE[A-D]\.(K[01]\.INIT|[A-D][01]MUX)|LSR[01]\.")


def placed(folder: Path, cells: dict[str, Any], places: dict[str, tuple[int, int]]) -> PlacedNetlist:
    save_placed(folder / "placed.json", cells, places)
    return PlacedNetlist(folder / "placed.json")


def around(folder: Path, near: dict[str, Any], at: tuple[int, int] = FAR) -> PlacedNetlist:
    """A register "one" on which two others hang, and cells at the tile where its copy is wanted."""
    cells = {"one": flipflop(3, 4), "left": flipflop(4, 5, "M"), "right": flipflop(4, 6, "M"), **near}
    return placed(folder, cells, {"one": (1, 1), "left": (1, 2), "right": (1, 3)} | dict.fromkeys(near, at))


def test_a_register_is_copied_into_a_free_slice(tmp_path: Path) -> None:
    """With the same input, at the pin that is not the table's beside it, and all else as it was."""
    netlist = around(tmp_path, {"near": flipflop(7, 8)})
    before = json.loads((tmp_path / "placed.json").read_bytes())["modules"][TOP]["cells"]
    assert netlist.copy("one", "two", [("right", "M")], FAR)
    netlist.save(tmp_path / "copied.json")
    top = json.loads((tmp_path / "copied.json").read_bytes())["modules"][TOP]
    two, right = top["cells"].pop("two"), top["cells"].pop("right")
    assert two["connections"] == {"CLK": [2], "M": [3], "Q": right["connections"]["M"], "LSR": ["x"]}
    assert two["port_directions"] == {"CLK": "input", "M": "input", "Q": "output", "LSR": "input"}
    assert two["parameters"] == before["one"]["parameters"] | {"SD": "0 "}
    assert two["attributes"] == {"BEL_STRENGTH": "1", "NEXTPNR_BEL": "X30/Y30/SLICEB.FF0"}
    for cell in top["cells"].values():
        for port, bits in cell["connections"].items():
            cell["connections"][port] = [bit for bit in bits if bit != "x"]
    assert top["cells"] == {name: cell for name, cell in before.items() if name != "right"}
    (bit,) = two["connections"]["Q"]
    assert [net["bits"] for net in top["netnames"].values()].count([bit]) == 1
    assert netlist.drivers()[bit] == "two"


@pytest.mark.parametrize(
    ("near", "room"),
    [
        ({"near": flipflop(7, 8)}, True),
        ({"near": table(7, 8)}, True),
        ({f"near_{n}": table(7, 8 + n) for n in range(4)}, False),  # no slice is free
        ({"near": flipflop(7, 8, reset=9)}, False),  # a tile has one reset
        ({"near": {**flipflop(7, 8), "parameters": {"CLKMUX": "INV"}}}, False),
        ({"near": table(7, 8, MODE="DPRAM")}, False),  # whose clock and reset are also those of its RAM
    ],
)
def test_a_tile_has_room_for_a_register(tmp_path: Path, near: dict[str, Any], room: bool) -> None:
    netlist = around(tmp_path, near)
    assert netlist.copy("one", "two", [("right", "M")], FAR) == room
    assert ("two" in netlist.cells) == room
    assert netlist.cells["right"]["connections"]["M"] != [4] or not room


def test_a_table_goes_anywhere_that_is_free(tmp_path: Path) -> None:
    cells = {"one": table(3, 4), "left": flipflop(4, 5, "M"), "near": flipflop(7, 8, reset=9)}
    netlist = placed(tmp_path, cells, {"one": (1, 1), "left": (1, 2), "near": FAR})
    assert netlist.copy("one", "two", [("left", "M")], FAR)
    assert netlist.cells["two"]["attributes"]["NEXTPNR_BEL"] == "X30/Y30/SLICEB.K0"


@pytest.mark.parametrize(("off", "room"), [(0, True), (NEAR, True), (NEAR + 1, False)])
def test_no_copy_lies_far_from_where_it_is_wanted(tmp_path: Path, off: int, room: bool) -> None:
    netlist = around(tmp_path, {"near": flipflop(7, 8)}, (FAR[0] - off, FAR[1]))
    assert netlist.copy("one", "two", [("right", "M")], FAR) == room


def test_what_can_be_copied(tmp_path: Path) -> None:
    cells = {
        "register": flipflop(3, 4),
        "table": table(3, 5),
        "logic": table(3, 6, MODE="LOGIC"),
        "carry": table(3, 7, MODE="CCU2"),
        "ram": table(3, 8, MODE="DPRAM"),
        "wide": table(3, 9),
    }
    for port, bit in (("OFX", 10), ("M", 3)):
        cells["wide"]["connections"][port] = [bit]
        cells["wide"]["port_directions"][port] = "output" if port == "OFX" else "input"
    netlist = placed(tmp_path, cells, {name: (1, n) for n, name in enumerate(cells)})
    assert {name: netlist.output(name) for name in cells} == {
        "register": "Q", "table": "F", "logic": "F", "carry": None, "ram": None, "wide": None
    }  # fmt: skip


class Bank:
    """A bank with all kinds of cells, placed at once and routed at once or later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.netlist = Netlist(folder / f"{TOP}.json")
        source = synthesise(Shell(MacBank(small_array("1x16@25F")), "bank"))
        self.netlist.path.write_bytes(source.path.read_bytes())

    def run(self, *arguments: str) -> None:
        options = [*ECP5.device("25F", 6), "--seed=1", "--timing-allow-fail"]
        tools.run(ECP5.nextpnr, [*options, *arguments], self.folder)

    def configuration(self, name: str) -> dict[str, list[str]]:
        """By tile, all but the wires and what follows from them: which of a table's inputs is which, and of a
        tile's two resets."""
        found: dict[str, list[str]] = {}
        for line in (self.folder / name).read_text().splitlines():
            kind, _, what = line.partition(" ")
            if kind == ".tile":
                tile = what
            elif kind in ("enum:", "word:") and not OF_WIRES.match(what):
                found.setdefault(tile, []).append(what)
        return {tile: sorted(lines) for tile, lines in found.items()}

    def slices(self, name: str) -> set[tuple[str, str]]:
        """Those in use, by tile."""
        tiles = self.configuration(name).items()
        return {(tile, what.split(".")[0]) for tile, lines in tiles for what in lines if "SLICE" in what}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = Bank(tmp_path_factory.mktemp("bank"))
    bank.run("--freq=50", "--json=top.json", "--write=routed.json", "--textcfg=once.config")
    bank.run("--freq=50", "--json=top.json", "--no-route", "--write=placed.json")
    return bank


def route(bank: Bank, mhz: float) -> None:
    netlist = PlacedNetlist(bank.folder / "placed.json")
    netlist.ask_for(mhz)
    go_on(bank, netlist)


def go_on(bank: Bank, netlist: PlacedNetlist) -> None:
    """Route it, with an option for another clock, which does not count."""
    netlist.save(bank.folder / "asked.json")
    bank.run("--freq=1", *GO_ON, "--json=asked.json", "--textcfg=later.config", "--report=report.json")


def test_a_run_that_goes_on_configures_what_one_run_does(bank: Bank) -> None:
    """So nothing is lost on the way, such as what unused pins are tied to. Some wires may go elsewhere."""
    cells = set(bank.netlist.cells.values())
    assert {"DP16KD", "MULT18X18D", "TRELLIS_DPR16X4", "CCU2C", "TRELLIS_FF"} <= cells
    route(bank, 50)
    assert bank.configuration("later.config") == bank.configuration("once.config")


def test_a_run_that_goes_on_is_asked_for_the_clock(bank: Bank) -> None:
    """By the netlist, for its option does not count then; and a report of another clock's is refused."""
    route(bank, 75)
    report = json.loads((bank.folder / "report.json").read_bytes())
    (clock,) = report["fmax"].values()
    assert clock["constraint"] == 75
    known = {"name": "bank", "part": "25F", "speed": 6, "seed": 1}
    assert read_report(report, bank.netlist, freq=75, **known).fmax == clock["achieved"]
    with pytest.raises(AssertionError, match="routed for 75 MHz, not 80"):
        read_report(report, bank.netlist, freq=80, **known)


@pytest.mark.parametrize("kind", [REGISTER, TABLE])
def test_copies_are_routed(bank: Bank, kind: str) -> None:
    """In slices that nextpnr finds free, at least ten of them."""
    netlist = PlacedNetlist(bank.folder / "placed.json")
    hanging, count = netlist.hanging(), 0
    for name in [name for name, cell in netlist.cells.items() if cell["type"] == kind]:
        if output := netlist.output(name):
            sinks = hanging[netlist.cells[name]["connections"][output][0]]
            moved = [sink for sink in sinks if sink[1] in (*"ABCD", "M")][1:]
            count += bool(moved) and netlist.copy(name, f"{name}$copy", moved, netlist.places[name])
        if count == 10:
            break
    assert count == 10
    go_on(bank, netlist)
    added = len(bank.slices("later.config")) - len(bank.slices("once.config"))
    assert added == 10
