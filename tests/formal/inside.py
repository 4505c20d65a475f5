"""What is within a component: its signals by name, for the invariants of a proof by induction."""

from __future__ import annotations

import linecache
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from amaranth.hdl import Elaboratable, Fragment, Signal

Inside = Mapping[str, Signal]
"""Signals that a component assigns to, by name; those of its submodules as ``submodule.name``. The second one
of a name in a module is ``name$1``, and so on, in the order in which they were made."""


class Opened(Elaboratable):
    """A component that is elaborated, to look into it first and then make it a submodule.

    Amaranth does not see the names in ``a, b = Signal(), Signal()``; here the signals get them.
    """

    def __init__(self, component: Elaboratable) -> None:
        self._fragment = Fragment.get(component, None)
        found = {(path, signal.duid): signal for path, signal in _signals(self._fragment)}
        _name({number: signal for (_, number), signal in found.items()})
        inside: dict[str, Signal] = {}
        for (path, _), signal in sorted(found.items()):
            same = sum(name.split("$")[0] == path + signal.name for name in inside)
            inside[path + signal.name + (f"${same}" if same else "")] = signal
        self.inside: Inside = inside

    def elaborate(self, platform: object) -> Fragment:
        return self._fragment


def _signals(fragment: Fragment, path: str = "") -> Iterator[tuple[str, Signal]]:
    for statements in fragment.statements.values():
        for statement in statements:
            for signal in statement._lhs_signals():
                yield path, signal
    for inner, name, _ in fragment.subfragments:
        if isinstance(inner, Fragment):
            yield from _signals(inner, f"{path}{name}.")


def _name(signals: Mapping[int, Signal]) -> None:
    """Give signals that were made in one line, in the order of their numbers, the names before its ``=``."""
    lines = defaultdict(list)
    for _, signal in sorted(signals.items()):
        lines[signal.src_loc].append(signal)
    for (file, line), made in lines.items():
        match = re.match(r"\s*(\w+(?:, \w+)+) = .*Signal\b", linecache.getline(file, line))
        names = match[1].split(", ") if match else []
        for n, signal in enumerate(made):
            if len(made) % max(1, len(names)) == 0 and signal.name.startswith("$"):
                signal.name = names[n % len(names)] if names else signal.name
