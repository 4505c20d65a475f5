"""A shell that gives any component registers at its ports and hardly any pins."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow, In, Out


class Shell(wiring.Component):
    """Feeds a component's inputs from one shift register and folds its outputs into another.

    So every path from and to a port runs between registers and counts, as it would among neighbours on the
    chip, and a component of a thousand port bits fits any package.

    Args:
        component: The component, in the hierarchy as ``name``.
    """

    i: Signal
    o: Signal

    def __init__(self, component: wiring.Component, name: str) -> None:
        self.component = component
        self.name = name
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules[self.name] = self.component
        inputs: list[Value] = []
        outputs: list[Value] = []
        for _, member, value in self.component.signature.flatten(self.component):
            (inputs if member.flow is Flow.In else outputs).append(Value.cast(value))
        driven, seen = Cat(inputs), Cat(outputs)
        shift_in = Signal(len(driven), reset_less=True)
        capture = Signal(len(seen), reset_less=True)
        fold = Signal(len(seen), reset_less=True)
        m.d.sync += [
            shift_in.eq(Cat(self.i, shift_in)),
            capture.eq(seen),
            fold.eq(capture ^ Cat(self.i, fold)),
        ]
        m.d.comb += [driven.eq(shift_in), self.o.eq(fold[-1])]
        return m
