"""The floor plan of an LFE5U-85F: a strip of the chip for each element of a word."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest

from stillframe.bitstreams import tools
from stillframe.bitstreams.family import family_of
from stillframe.bitstreams.floorplan import (
    BLOCK_RAM,
    MULTIPLIER,
    OPTIONS,
    PLAN,
    SETTINGS,
    floorplan,
    place_blocks,
)
from stillframe.bitstreams.kept_free import COLUMNS, MARK, ROWS
from stillframe.bitstreams.netlist import synthesise
from stillframe.bitstreams.shell import Shell
from stillframe.contract import ArrayConfig
from stillframe.hw.accelerator import Accelerator

STRIP = 126 / 16
"""Tiles of an LFE5U-85F that a strip is wide."""


def names(lanes: int = 16) -> dict[str, str]:
    """Types of the cells that the plan is about, by name, and of some others."""
    multipliers = [
        *(f"array.bank_{b}.multiplier_{n}.block" for b, n in product(range(4), range(lanes))),
        *(
            f"requantiser.lane_{n}.{half}.block"
            for n, half in product(range(lanes), ("low_low", "high_low", "low_high", "high_high"))
        ),
        *(f"windows.adder.lane_{n}.{half}.block" for n, half in product(range(8), ("low", "high"))),
    ]
    block_rams = [
        *(f"array.bank_{b}.weights$235.0.{n}" for b, n in product(range(4), range(12))),
        *(f"state.state.rows.block_0_{n}.dp16kd" for n in range(24)),
        *(f"table.table_{n}.0.0" for n in range(16)),
        *(
            f"codes.codes.rows.block_{row}_{n}.dp16kd"
            for row, many in enumerate((32, 8, 8))
            for n in range(many)
        ),
        *(f"finder.scanner_{g}.values.rows.block_0_{n}.dp16kd" for g, n in product(range(4), range(4))),
        *(f"finder.scanner_{g}.masks.0.{n}" for g, n in product(range(4), range(2))),
        *(f"sequencer.loader.layers.0.{n}" for n in range(4)),
        *(f"requantiser.parameters.store.0.{n}" for n in range(4)),
        "sequencer.counters.memory.0.0",
        "finder.finder.row_flags.0.0",
        "link.receiver.buffer.0.0",
        "some.other.memory.0.0",
    ]
    found = {f"accelerator.{name}": MULTIPLIER for name in multipliers}
    return (
        found | {f"accelerator.{name}": BLOCK_RAM for name in block_rams} | {"accelerator.some_LUT4": "LUT4"}
    )


def planned() -> dict[str, str]:
    """Sites of the blocks by name, without those that are kept free."""
    return {name: site for name, site in floorplan(names(), "85F").items() if not name.startswith(MARK)}


def place(site: str) -> tuple[int, int]:
    """A site's tile."""
    match = re.fullmatch(r"X(\d+)/Y(\d+)/[\w.]+", site)
    assert match
    return int(match[1]), int(match[2])


def test_each_block_has_a_site_of_its_own() -> None:
    sites = planned()
    assert len(sites) == len(set(sites.values())) == len(names()) - 2
    for name, site in sites.items():
        rows = (10, 34, 58) if names()[name] == MULTIPLIER else (22, 46, 70, 82)
        assert place(site)[1] in rows, name


@pytest.mark.parametrize("element", range(16))
def test_the_blocks_of_an_element_lie_in_its_strip(element: int) -> None:
    sites = {name.removeprefix("accelerator."): place(site) for name, site in planned().items()}
    own = [
        *(f"array.bank_{b}.multiplier_{element}.block" for b in range(4)),
        *(f"requantiser.lane_{element}.{a}_{b}.block" for a, b in product(("low", "high"), repeat=2)),
        f"state.state.rows.block_0_{3 * element // 2}.dp16kd",
        *(f"codes.codes.rows.block_0_{2 * element + n}.dp16kd" for n in range(2)),
        f"table.table_{element}.0.0",
    ]
    columns = [sites[name][0] for name in own]
    assert max(columns) - min(columns) <= 2 * STRIP
    assert abs(sum(columns) / len(columns) - (element + 0.5) * STRIP) <= STRIP


@pytest.mark.parametrize("memory", ["values", "masks"])
def test_each_scanners_memories_lie_side_by_side(memory: str) -> None:
    sites = planned()
    for scanner in range(4):
        tiles = [place(site) for name, site in sites.items() if f".scanner_{scanner}.{memory}." in name]
        assert len({row for _, row in tiles}) == 1
        columns = [column for column, _ in tiles]
        assert max(columns) - min(columns) <= 4 * STRIP
        assert abs(sum(columns) / len(columns) - (scanner + 0.5) * 4 * STRIP) <= 2 * STRIP


@pytest.mark.parametrize(
    "once", ["loader.layers", "counters.memory", "row_flags", "receiver.buffer", "parameters.store"]
)
def test_what_there_is_once_lies_in_the_middle(once: str) -> None:
    sites = [place(site) for name, site in planned().items() if once in name]
    assert sites
    for column, _ in sites:
        assert abs(column - 63) <= 3 * STRIP, once


def test_rows_among_the_lanes_are_kept_free() -> None:
    sites = {name: site for name, site in floorplan(names(), "85F").items() if name.startswith(MARK)}
    assert len(set(sites.values())) == len(sites) == 8 * len(COLUMNS) * len(ROWS["85F"])
    assert {place(site) for site in sites.values()} == set(product(COLUMNS, ROWS["85F"]))
    assert not set(ROWS["85F"]) & {row for _, row in map(place, planned().values())}


def test_other_parts_and_words_have_no_plan() -> None:
    assert floorplan(names(), "25F") == {}
    assert floorplan(names(lanes=8), "85F") == {}
    assert floorplan({}, "85F") == {}


def test_a_netlist_is_told_its_sites(tmp_path: Path) -> None:
    cells = {name: {"type": kind, "attributes": {"keep": "1"}} for name, kind in names().items()}
    netlist = tmp_path / "top.json"
    netlist.write_text(json.dumps({"modules": {"top": {"cells": cells}}}))
    sites = floorplan(names(), "85F")
    place_blocks(netlist, sites)
    top = json.loads(netlist.read_bytes())["modules"]["top"]
    assert top["settings"] == SETTINGS
    told = top["cells"]
    tables = {name: told.pop(name) for name in sites if name.startswith(MARK)}
    assert {name: table["attributes"]["BEL"] for name, table in tables.items()} == {
        name: sites.pop(name) for name in tables
    }
    assert {name: cell["attributes"].pop("BEL") for name, cell in told.items() if name in sites} == sites
    assert told == cells


def router_settings(folder: Path, given: dict[str, str]) -> dict[str, float]:
    """Those that nextpnr has routed an empty design with, whose netlist has the given ones."""
    top = {"attributes": {"top": f"{1:032b}"}, "settings": given, "ports": {}, "cells": {}, "netnames": {}}
    netlist = folder / "empty.json"
    netlist.write_text(json.dumps({"creator": "", "modules": {"top": top}}))
    family = family_of("85F")
    options = [*family.device("85F", 6), *OPTIONS, f"--json={netlist.name}", "--write=routed.json"]
    tools.run(family.nextpnr, options, folder)
    routed = json.loads((folder / "routed.json").read_bytes())["modules"]["top"]["settings"]
    return {name: float(value) for name, value in routed.items() if name.startswith("router2/")}


def test_the_router_takes_the_settings(tmp_path: Path) -> None:
    """It knows them by these names, of which it has values of its own, and takes those of the netlist."""
    usual = router_settings(tmp_path, {})
    assert {name: usual.get(name) for name in SETTINGS} == dict(zip(SETTINGS, (3, 3, 2), strict=True))
    wanted = {name: float(value) for name, value in SETTINGS.items()}
    assert router_settings(tmp_path, SETTINGS) == usual | wanted


@pytest.mark.full
def test_the_plan_knows_every_block_of_the_array() -> None:
    """So no renamed component falls out of it. With these memories CODES has all three rows of blocks."""
    config = ArrayConfig.parse("4x16@85F:codes=6656,events=2048,masks=1024")
    netlist = synthesise(Shell(Accelerator(config), "accelerator"))
    blocks = {name: kind for name, kind in netlist.cells.items() if kind in (MULTIPLIER, BLOCK_RAM)}
    sites = floorplan(netlist.cells, "85F")
    assert len(set(sites.values())) == len(sites)
    sites = {name: site for name, site in sites.items() if not name.startswith(MARK)}
    assert {name for name, kind in blocks.items() if kind == MULTIPLIER} <= set(sites)
    for group in PLAN["85F"]:
        assert any(re.search(group.name, name) for name in blocks), group.name
    assert len(blocks) - len(sites) <= 16, sorted(set(blocks) - set(sites))
