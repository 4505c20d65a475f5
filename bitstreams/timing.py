"""How late the pins of a placed netlist have their signals, from the delays that nextpnr writes (SDF)."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Pin = tuple[str, str]
"""A cell and its port."""

_TRIPLE = r"\(-?\d+:-?\d+:(-?\d+)\)"
_LINE = re.compile(
    rf"\((INTERCONNECT|IOPATH) (\S+) (\S+) {_TRIPLE}"
    rf"|\((SETUPHOLD) \(\w+ (\S+?)\) \(\w+ (\S+?)\) {_TRIPLE}"
    r"|\((INSTANCE) (\S+)\)"
)


@dataclass(frozen=True)
class Timing:
    """Delays of a netlist, in ps, the longest of each.

    Attributes:
        wires: By driver, what hangs on it, and the wire's delay.
        cells: By input, the outputs that follow it, and the cell's delay.
        launches: Outputs that change with the clock, and how long after it.
        captures: Inputs that are taken with the clock, and how long before it they must be there.
    """

    wires: Mapping[Pin, list[tuple[Pin, int]]]
    cells: Mapping[Pin, list[tuple[Pin, int]]]
    launches: Mapping[Pin, int]
    captures: Mapping[Pin, int]

    def arrivals(self) -> dict[Pin, int]:
        """By pin, when its signal is there, in ps after the clock; of pins on a path from a register."""
        arrival: dict[Pin, int] = {}
        for pin in self._order:
            if pin in self.launches:
                arrival[pin] = max(arrival.get(pin, 0), self.launches[pin])
            if pin in arrival:
                for after, delay in self._after(pin):
                    arrival[after] = max(arrival.get(after, 0), arrival[pin] + delay)
        return arrival

    def needed(self) -> dict[Pin, int]:
        """By pin that ends paths, the clock period that they need, in ps."""
        arrival = self.arrivals()
        return {pin: arrival[pin] + before for pin, before in self.captures.items() if pin in arrival}

    def lateness(self, goal: int) -> tuple[int, int]:
        """The period that the longest path needs, and what all ends together are late by if it is to be
        ``goal``, both in ps: of two placements the less is the better."""
        needed = self.needed().values()
        return max(needed), sum(max(0, period - goal) for period in needed)

    def slack(self, period: int) -> dict[Pin, int]:
        """By pin, what is left of a clock period, in ps; of pins on a path from register to register."""
        arrival = self.arrivals()
        required: dict[Pin, int] = {}
        for pin in reversed(self._order):
            times = [required[after] - delay for after, delay in self._after(pin) if after in required]
            if pin in self.captures:
                times.append(period - self.captures[pin])
            if times:
                required[pin] = min(times)
        return {pin: required[pin] - time for pin, time in arrival.items() if pin in required}

    def _after(self, pin: Pin) -> Iterator[tuple[Pin, int]]:
        yield from self.wires.get(pin, ())
        yield from self.cells.get(pin, ())

    @cached_property
    def _order(self) -> list[Pin]:
        """All pins, each behind those that its signal comes from."""
        return list(self._in_order())

    def _in_order(self) -> Iterator[Pin]:
        before = Counter(after for pins in (self.wires, self.cells) for pin in pins for after, _ in pins[pin])
        pins = dict.fromkeys((*self.wires, *self.cells, *self.launches))
        free = deque(pin for pin in pins if not before[pin])
        while free:
            pin = free.popleft()
            yield pin
            for after, _ in self._after(pin):
                before[after] -= 1
                if not before[after]:
                    free.append(after)


def read_timing(path: Path) -> Timing:
    """What nextpnr wrote with ``--sdf``."""
    wires: dict[Pin, list[tuple[Pin, int]]] = {}
    paths: list[tuple[str, str, str, int]] = []  # through a cell, from clocks too
    captures: dict[Pin, int] = {}
    clocks: set[Pin] = set()
    cell = ""
    with path.open() as lines:
        for line in lines:
            match = _LINE.search(line.replace("\\", ""))
            if not match:
                continue
            kind, source, target, delay, check, port, clock, setup, instance, name = match.groups()
            if instance:
                cell = name
            elif check:
                captures[cell, port] = max(captures.get((cell, port), 0), int(setup))
                clocks.add((cell, clock))
            elif kind == "INTERCONNECT":
                wires.setdefault(_pin(source), []).append((_pin(target), int(delay)))
            else:
                paths.append((cell, source, target, int(delay)))
    cells: dict[Pin, list[tuple[Pin, int]]] = {}
    launches: dict[Pin, int] = {}
    for cell, port, to, delay in paths:
        if (cell, port) in clocks:
            launches[cell, to] = max(launches.get((cell, to), 0), delay)
        else:
            cells.setdefault((cell, port), []).append(((cell, to), delay))
    return Timing(wires, cells, launches, captures)


def _pin(name: str) -> Pin:
    cell, _, port = name.rpartition("/")
    return cell, port
