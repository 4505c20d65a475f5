"""Placed netlists: nextpnr goes on with one as if it had not stopped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.bitstreams import tools
from stillframe.bitstreams.family import ECP5
from stillframe.bitstreams.kept_free import MARK, fill
from stillframe.bitstreams.netlist import TOP, Netlist, synthesise
from stillframe.bitstreams.nextpnr import GO_ON
from stillframe.bitstreams.place_and_route import read_report
from stillframe.bitstreams.placed import ask_for
from stillframe.bitstreams.shell import Shell
from stillframe.hw.mac_bank import MacBank

OF_WIRES = re.compile(r"SLICE[A-D]\.(K[01]\.INIT|[A-D][01]MUX)|LSR[01]\.")


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


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = Bank(tmp_path_factory.mktemp("bank"))
    bank.run("--freq=50", "--json=top.json", "--textcfg=once.config")
    bank.run("--freq=50", "--json=top.json", "--no-route", "--write=placed.json")
    return bank


def route(bank: Bank, mhz: float) -> None:
    """Go on with the placed netlist, with an option for another clock, which does not count."""
    asked = bank.folder / "asked.json"
    asked.write_bytes((bank.folder / "placed.json").read_bytes())
    ask_for(asked, mhz)
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


def tables(placed: Path) -> dict[str, str]:
    """Sites of a placed netlist's look-up tables, by name."""
    cells = json.loads(placed.read_bytes())["modules"][TOP]["cells"]
    return {
        name: cell["attributes"]["NEXTPNR_BEL"]
        for name, cell in cells.items()
        if cell["type"] == "TRELLIS_COMB"
    }


def row_of(site: str) -> int:
    """Such as 13 of X4/Y13/SLICEA.K0."""
    return int(site.split("/")[1].removeprefix("Y"))


def test_no_table_is_placed_where_sites_are_kept_free(bank: Bank) -> None:
    """Here in every other row of those that had some; when it routes, nextpnr knows nothing of it."""
    before = tables(bank.folder / "placed.json").values()
    rows = sorted({row_of(site) for site in before})[::2]
    sites = {MARK + site: site for site in before if row_of(site) in rows}
    design = json.loads(bank.netlist.path.read_bytes())
    cells = design["modules"][TOP]["cells"]
    fill(cells, sites)
    for name, site in sites.items():
        cells[name]["attributes"]["BEL"] = site
    (bank.folder / "filled.json").write_text(json.dumps(design))
    bank.run("--freq=50", "--json=filled.json", "--no-route", "--write=spread.json")
    spread = tables(bank.folder / "spread.json")
    assert {name: site for name, site in spread.items() if name.startswith(MARK)} == sites
    own = {name: site for name, site in spread.items() if name not in sites}
    assert len(own) == len(before)
    assert not set(own.values()) & set(sites.values())
    ask_for(bank.folder / "spread.json", 50)
    assert tables(bank.folder / "spread.json") == own
    bank.run(*GO_ON, "--json=spread.json", "--write=routed.json")
    assert tables(bank.folder / "routed.json") == own
