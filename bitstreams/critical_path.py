"""The critical path in terms of our components, from nextpnr's report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .netlist import Netlist

KINDS = {
    "LUT4": "LUT",
    "CCU2C": "carry",
    "PFUMX": "mux",
    "L6MUX21": "mux",
    "TRELLIS_FF": "register",
    "TRELLIS_DPR16X4": "LUT RAM",
    "DP16KD": "block RAM",
    "MULT18X18D": "multiplier",
    "SB_LUT4": "LUT",
    "SB_CARRY": "carry",
    "SB_DFF": "register",
    "SB_RAM40_4K": "block RAM",
    "SB_SPRAM256KA": "SPRAM",
    "SB_MAC16": "multiplier",
}
"""What the cells of an ECP5 or iCE40 are called here; there are many kinds of SB_DFF."""

# Yosys names a cell by a signal near it: "sum_TRELLIS_FF_Q_DI_LUT4_Z_1" is a LUT before the register "sum".
_CELL = rf"_(?:{'|'.join(KINDS).replace('SB_DFF', 'SB_DFF[A-Z]*')})(?:_|$)"
_SIGNAL = re.compile(rf"{_CELL}|\$")
# nextpnr packs cells and appends to their names, for an iCE40 in the first way.
_PACKED = re.compile(r"(.*)_(?:(?:DFF)?LC|RAM)|(.*)\$[^$]*")


@dataclass(frozen=True)
class Hop:
    """Cells of one kind at one signal, in a row on the path.

    Attributes:
        component: Hierarchical name of the component that they belong to.
        signal: The signal (or memory) that they compute or hold, as near as its name survived synthesis.
        kind: One of :data:`KINDS`' values, or the cell type.
        logic: Delay through them, in ns.
        routing: Delay from them to the next hop, in ns.
    """

    component: str
    signal: str
    kind: str
    logic: float
    routing: float


def critical_path(report: Mapping[str, Any], netlist: Netlist) -> tuple[Hop, ...]:
    """The longest path from register to register.

    Args:
        report: What nextpnr writes with ``--report``.
        netlist: What it placed and routed.
    """
    paths = [p["path"] for p in report["critical_paths"] if "<async>" not in (p["from"], p["to"])]
    longest = max(paths, key=lambda path: sum(step["delay"] for step in path))
    instances = netlist.instances
    hops: list[Hop] = []
    for step in longest:
        if step["type"] == "routing":
            hops[-1] = replace(hops[-1], routing=hops[-1].routing + step["delay"])
            continue
        hop = _hop(step["from"]["cell"], step["delay"], netlist.cells, instances)
        if hops and _place(hops[-1]) == _place(hop):
            hop = replace(hop, logic=hop.logic + hops[-1].logic, routing=hops[-1].routing)
            hops.pop()
        hops.append(hop)
    return tuple(hops)


def format_path(path: Iterable[Hop]) -> str:
    """The path as a table: a line for each hop."""
    path = tuple(path)
    logic, routing = sum(h.logic for h in path), sum(h.routing for h in path)
    rows = [("component", "signal", "cells", "logic", "routing")]
    rows += [(h.component, h.signal, h.kind, f"{h.logic:.2f}", f"{h.routing:.2f}") for h in path]
    first, second, third, *_ = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [f"  {c:<{first}}  {s:<{second}}  {k:<{third}}  {d:>5}  {r:>7}" for c, s, k, d, r in rows]
    title = f"critical path: {logic + routing:.2f} ns, {logic:.2f} ns logic and {routing:.2f} ns routing"
    return "\n".join([title, *lines])


def _hop(cell: str, delay: float, cells: Mapping[str, str], instances: frozenset[str]) -> Hop:
    component, leaf = _split(cell, instances)
    known = cell
    while known not in cells and (packed := _PACKED.fullmatch(known)):
        known = packed[1] or packed[2]
    kind = re.sub(r"^SB_DFF.*", "SB_DFF", cells.get(known, ""))
    signal = _SIGNAL.split(leaf)[0] or re.split(_CELL, leaf)[0]
    return Hop(component, signal, KINDS.get(kind, kind), delay, 0.0)


def _split(cell: str, instances: frozenset[str]) -> tuple[str, str]:
    """The innermost component that a cell lies in, and the rest of its name."""
    component = cell
    while component and component not in instances:
        component = component.rpartition(".")[0]
    return component or "-", cell[len(component) + 1 :] if component else cell


def _place(hop: Hop) -> tuple[str, str, str]:
    return hop.component, hop.signal, hop.kind
