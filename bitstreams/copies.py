"""Copies of what serves more than it can reach in time.

A wire across an LFE5U-85F takes 16 ns. What resets everything, or chooses for all elements of a word, is late
somewhere wherever it lies. nextpnr moves registers and look-up tables but does not copy them; Yosys makes one
of equal ones, and does not know where they will lie. So once a netlist is placed, each of them whose signal
is late in some part of the chip gets a copy for what hangs on it there: with the same inputs, so that it is
the same in every cycle. Copies go into free slices and nothing else moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from .placed import REGISTER, Place, PlacedNetlist
from .timing import Pin, Timing

MANY = 4
"""Inputs that hang on a cell from which on it may get copies."""

REACH = 12
"""How far these may lie from each other, across and down together, in tiles, for a cell to serve all."""

HALVINGS = 3
"""How often what hangs on a cell is halved at most."""

TILE = 130
"""What a tile more of wire takes, in ps, as nextpnr estimates it at speed grade 6."""

GAIN = 300
"""What a copy must be sooner by, in ps, to be worth its wires."""

GOAL = 0.9
"""Part of a clock period after which a signal is late: routing takes more than nextpnr estimates."""

WIRED = {"DI", "FXA", "FXB", "FCI", "F1", "DI0", "DI1", "CLK", "WCK", "WD", "WAD0", "WAD1", "WAD2", "WAD3"}
"""Inputs of slices that hang on their neighbours, or on the clock, and on nothing else."""

Group = list[tuple[Pin, Place]]
"""Inputs that one cell is to serve."""


def goal(mhz: float) -> int:
    """After how many ps a signal is late, for a clock of so many MHz."""
    return round(1e6 * GOAL / mhz)


def copy_late(netlist: PlacedNetlist, timing: Timing, late_after: int) -> int:
    """Add copies to a placed netlist.

    Args:
        netlist: It is changed.
        timing: Of it as it was.
        late_after: So many ps after the clock signals are late, see :func:`goal`.

    Returns: How many there are.
    """
    done = 0
    # All are found in the netlist as it was.
    for cell, group in list(_LateCells(netlist, timing, late_after).groups()):
        name = next(name for n in count() if (name := f"{cell}$copy{n}") not in netlist.cells)
        across, down = _middle(group)
        done += netlist.copy(cell, name, [sink for sink, _ in group], (round(across), round(down)))
    return done


class _LateCells:
    """Cells of a placed netlist whose signals are late somewhere."""

    def __init__(self, netlist: PlacedNetlist, timing: Timing, late_after: int) -> None:
        self._netlist, self._timing = netlist, timing
        self._slack, self._arrivals = timing.slack(late_after), timing.arrivals()
        self._hanging, self._drivers = netlist.hanging(), netlist.drivers()

    def groups(self) -> Iterator[tuple[str, Group]]:
        """Each with some of what hangs on it and is better served by a copy."""
        for name, cell in self._netlist.cells.items():
            output = self._netlist.output(name)
            if not output or self._slack.get((name, output), 0) >= 0:
                continue
            places = self._netlist.places
            sinks = [
                (sink, places[sink[0]])
                for sink in self._hanging[cell["connections"][output][0]]
                if sink[0] in places and sink[1] not in WIRED
            ]
            inputs = [pin for pin in self._netlist.inputs(name) if pin[1] != "CLK"]
            if len(sinks) < MANY or not all(pin in self._slack for pin in inputs):
                # What comes from no register may change at any time: two that sample it could disagree.
                continue
            home = places[name]
            _, *others = sorted(_halved(sinks), key=lambda group: _distance(home, _middle(group)))
            for group in others:
                late = min(self._slack.get(sink, 0) for sink, _ in group)
                gain = self._gain_of_register if cell["type"] == REGISTER else self._gain_of_table
                if late < 0 and gain(name, inputs, _middle(group), late) >= GAIN:
                    yield name, group

    def _gain_of_register(self, name: str, inputs: list[Pin], there: Sequence[float], late: int) -> float:
        """How much sooner than what hangs on it the later one of a copy's two sides is, in ps."""
        way = TILE * _distance(self._netlist.places[name], there)
        own = min((self._slack[pin] for pin in inputs), default=0)
        return min(own - way, late + way) - late

    def _gain_of_table(self, name: str, inputs: list[Pin], there: Sequence[float], _: int) -> float:
        """How much sooner its signal is there, in ps, if a copy's inputs go there instead of its output."""
        home = self._netlist.places[name]
        before = self._arrivals[name, "F"] + TILE * _distance(home, there)
        after = 0.0
        for pin in inputs:
            (bit,) = self._netlist.cells[name]["connections"][pin[1]]
            source = self._netlist.places[self._drivers[bit]]
            longer = TILE * (_distance(source, there) - _distance(source, home))
            through = max(delay for _, delay in self._timing.cells[pin])
            after = max(after, self._arrivals[pin] + longer + through)
        return before - after


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
