"""Copies of registers on which more hangs than they can reach in time.

A wire across an LFE5U-85F takes 16 ns. What resets everything, or chooses for all elements of a word, is late
somewhere wherever its register lies. nextpnr moves registers but does not copy them; Yosys makes one of equal
ones, and does not know where they will lie. So the netlist is placed once, and each register whose signal is
late in some part of the chip gets a copy for what hangs on it there: with the same inputs, so that it holds
the same in every cycle. Then the netlist is placed anew.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .netlist import TOP
from .timing import Timing, read_timing

REGISTER, INPUTS = "TRELLIS_FF", ("DI", "M", "CE", "LSR")

MANY = 8
"""Inputs that hang on a register from which on it may get copies."""

REACH = 20
"""How far these may lie from each other, across and down together, in tiles, for a register to serve all."""

HALVINGS = 3
"""How often what hangs on a register is halved at most."""

TILE = 130
"""What a tile more of wire takes, in ps, as nextpnr estimates it at speed grade 6."""

GOAL = 0.6
"""Part of a clock period after which a signal is late: routing takes more than nextpnr estimates."""

Place = tuple[int, int]
"""A tile: across and down."""

Sink = tuple[str, str, int]
"""An input: a cell, its port, the port's bit."""

Group = list[tuple[Sink, Place]]
"""Inputs that one register is to serve."""

_PACKED = re.compile(r"\$(?:DPRAM|CCU2|RAMW)[^$]*$")


def copy_registers(netlist: Path, placed: Path, delays: Path, period: float) -> int:
    """Add copies to a netlist.

    Args:
        netlist: What nextpnr has read; it is written anew.
        placed: What nextpnr then wrote of the placement, with ``--write``.
        delays: And of the delays, with ``--sdf``.
        period: Of the clock, in ns.

    Returns: How many copies there are.
    """
    places = _places(json.loads(placed.read_bytes())["modules"][TOP]["cells"])
    design: dict[str, Any] = json.loads(netlist.read_bytes())
    top = design["modules"][TOP]
    groups = list(_late_groups(top["cells"], places, read_timing(delays), round(1000 * GOAL * period)))
    bits = 1 + max(bit for net in top["netnames"].values() for bit in net["bits"] if isinstance(bit, int))
    for number, (register, group) in enumerate(groups):
        _copy(top, register, f"{register}$copy{number}", bits + number, group)
    netlist.write_text(json.dumps(design))
    return len(groups)


def _places(cells: Mapping[str, Any]) -> dict[str, Place]:
    """Where placed cells are, by the names they had before nextpnr packed them."""
    found: dict[str, Place] = {}
    for name, cell in cells.items():
        if match := re.match(r"X(\d+)/Y(\d+)/", cell["attributes"].get("NEXTPNR_BEL", "")):
            found.setdefault(_unpacked(name), (int(match[1]), int(match[2])))
    return found


def _unpacked(name: str) -> str:
    return _PACKED.sub("", name)


def _late_groups(
    cells: Mapping[str, Any], places: Mapping[str, Place], timing: Timing, period: int
) -> Iterator[tuple[str, Group]]:
    """Registers, each with some of what hangs on it and is better served by a copy."""
    slack = timing.slack(period)
    hanging = _hanging(cells)
    for name, cell in cells.items():
        if cell["type"] != REGISTER or slack.get((name, "Q"), 0) >= 0:
            continue
        # Where nextpnr has made something else of a cell it has no place, and stays with the register.
        (bit,) = cell["connections"]["Q"]
        sinks = [(sink, places[sink[0]]) for sink in hanging[bit] if sink[0] in places]
        if len(sinks) < MANY:
            continue
        left: dict[str, int] = {}  # the least slack, by what hangs on the register
        for (packed, port), _ in timing.wires[name, "Q"]:
            sink = _unpacked(packed)
            left[sink] = min(slack.get((packed, port), 0), left.get(sink, 0))
        timed = [slack[name, port] for port in INPUTS if (name, port) in slack]
        connected = sum(isinstance(bit, int) for port in INPUTS for bit in cell["connections"].get(port, ()))
        if len(timed) < connected:
            # What comes from no register may change at any time: two that sample it could disagree.
            continue
        own = min(timed, default=0)
        home = places[name]
        _, *others = sorted(_halved(sinks), key=lambda group: _distance(home, _middle(group)))
        for group in others:
            late = min(left.get(cell, 0) for (cell, _, _), _ in group)
            if own - TILE * _distance(home, _middle(group)) > late:
                yield name, group


def _hanging(cells: Mapping[str, Any]) -> dict[int, list[Sink]]:
    """The inputs that hang on each of a netlist's bits."""
    found: dict[int, list[Sink]] = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for n, bit in enumerate(bits):
                    found[bit].append((name, port, n))
    return found


def _halved(group: Group, halvings: int = HALVINGS) -> list[Group]:
    """Inputs by where they lie: halved, across or down, until each group is within reach."""
    sides = [(min(side), max(side)) for side in zip(*(place for _, place in group), strict=True)]
    lengths = [high - low for low, high in sides]
    if not halvings or sum(lengths) <= REACH:
        return [group]
    axis = lengths.index(max(lengths))
    middle = sum(sides[axis]) / 2
    halves = (
        [sink for sink in group if sink[1][axis] <= middle],
        [sink for sink in group if sink[1][axis] > middle],
    )
    return [quarter for half in halves for quarter in _halved(half, halvings - 1)]


def _middle(group: Group) -> tuple[float, ...]:
    return tuple(sum(side) / len(group) for side in zip(*(place for _, place in group), strict=True))


def _distance(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(abs(one - other) for one, other in zip(a, b, strict=True))


def _copy(top: dict[str, Any], register: str, name: str, bit: int, group: Group) -> None:
    """Add a register with the same inputs, and hang on it a group of what hangs on the other."""
    cells = top["cells"]
    connections = cells[register]["connections"]
    cells[name] = {**cells[register], "connections": {**connections, "Q": [bit]}}
    top["netnames"][name] = {"hide_name": 0, "bits": [bit], "attributes": {}}
    for (cell, port, n), _ in group:
        cells[cell]["connections"][port][n] = bit
