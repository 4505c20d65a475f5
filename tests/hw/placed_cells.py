"""Cells of a placed netlist, as nextpnr writes them, for tests without it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stillframe.bitstreams.netlist import TOP

Bit = int | str

CLOCK = 2


def flipflop(d: Bit, q: Bit, port: str = "DI", reset: Bit | None = None) -> dict[str, Any]:
    """A register with its input at ``port``; that may hang on nothing ("x")."""
    bits = {"CLK": [CLOCK], port: [] if d == "x" else [d], "Q": [q], "LSR": [reset] if reset else []}
    return {
        "type": "TRELLIS_FF",
        "parameters": {"REGSET": "RESET", "SD": "1 " if port == "DI" else "0 ", "CLKMUX": "CLK"},
        "attributes": {"BEL_STRENGTH": "1", "src": "file"},
        "port_directions": {name: "output" if name == "Q" else "input" for name in bits},
        "connections": bits,
    }


def table(a: Bit, f: Bit, **parameters: str) -> dict[str, Any]:
    """A look-up table with one input."""
    bits: dict[str, list[Bit]] = {"A": [a], "B": [], "F": [f]}
    return {
        "type": "TRELLIS_COMB",
        "parameters": {"INITVAL": "10", **parameters},
        "attributes": {"BEL_STRENGTH": "1"},
        "port_directions": {name: "output" if name == "F" else "input" for name in bits},
        "connections": bits,
    }


def save_placed(
    path: Path, cells: Mapping[str, dict[str, Any]], places: Mapping[str, tuple[int, int]]
) -> None:
    """Write cells, each in the next free slice of its tile."""
    there: dict[tuple[int, int], int] = {}
    for name, cell in cells.items():
        tile = places[name]
        part, there[tile] = "ABCD"[there.get(tile, 0)], there.get(tile, 0) + 1
        kind = "FF0" if cell["type"] == "TRELLIS_FF" else "K0"
        cell["attributes"]["NEXTPNR_BEL"] = f"X{tile[0]}/Y{tile[1]}/SLICE{part}.{kind}"
    bits = {bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits}
    nets = {f"net_{bit}": {"hide_name": 0, "bits": [bit], "attributes": {}} for bit in bits}
    top = {"attributes": {}, "settings": {}, "ports": {}, "cells": cells, "netnames": nets}
    path.write_text(json.dumps({"modules": {TOP: top}}))
