"""Rows of a chip's logic in which no look-up table is placed, so that wires find a way there.

nextpnr's placer fills slices where wires are many as it does where they are few. Between an array's lanes
lies what serves all of them, and there the last wires may have no way, however long the router looks for one.
The placer has no option against that, but spreads cells over the sites that are free: tables that do nothing
take those of some rows while it places. They are gone when it routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

ROWS = {"85F": (8, 13, 16, 19, 25, 28, 31)}
"""By part: about each fourth row around an array's multipliers, in the rows 10 and 34 of an LFE5U-85F, and
weights, in 22."""

COLUMNS = range(2, 125)
"""That have logic in all of them."""

MARK = "kept_free."
"""What names of tables that do nothing begin with."""


def kept_free(part: str) -> dict[str, str]:
    """nextpnr's sites of the tables that do nothing, by name."""
    sites = (
        f"X{x}/Y{y}/SLICE{letter}.K{table}"
        for y, x, letter, table in product(ROWS[part], COLUMNS, "ABCD", "01")
    )
    return {MARK + site: site for site in sites}


def fill(cells: dict[str, Any], sites: Mapping[str, str]) -> None:
    """Add those of the tables that are among some sites to a netlist's cells."""
    pins = dict.fromkeys("ABCD", "input") | {"Z": "output"}
    for name in sites:
        if name.startswith(MARK):
            cells[name] = {
                "type": "LUT4",
                "parameters": {"INIT": f"{0:016b}"},
                "attributes": {},
                "port_directions": pins,
                "connections": {},
            }


def clear(cells: dict[str, Any]) -> None:
    """Take them out of a netlist's cells."""
    for name in [name for name in cells if name.startswith(MARK)]:
        del cells[name]
