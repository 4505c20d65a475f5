"""An adder with a choice of operands, which on an ECP5 takes no more than an adder."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.vendor import LatticeECP5Platform

LOOK_UP = 0x656A
"""A ^ (B if C else D), which a carry cell adds to A: its carry is A where that is 0."""


class SelectingAdder(wiring.Component):
    """``o`` is ``a + (b if select else c)`` modulo 2**width, in the same cycle.

    The look-up tables in an ECP5's carry cell (CCU2C) have four inputs, of which an adder needs two: the
    choice goes to the others. Yosys by itself builds a multiplexer in front of the adder.

    Args:
        width: Of all operands.
    """

    select: Signal
    a: Signal
    b: Signal
    c: Signal
    o: Signal

    def __init__(self, width: int) -> None:
        self._width = width
        super().__init__({"select": In(1), "a": In(width), "b": In(width), "c": In(width), "o": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not isinstance(platform, LatticeECP5Platform):
            m.d.comb += self.o.eq(self.a + Mux(self.select, self.b, self.c))
            return m
        carry = Const(0, 1)
        for first in range(0, self._width, 2):
            a, b, c = (Cat(operand[first : first + 2], Const(0, 1)) for operand in (self.a, self.b, self.c))
            sums, after = Signal(2, name=f"sums_{first}"), Signal(name=f"carry_{first}")
            half = {
                f"{name}{n}": value[n] for n in range(2) for name, value in (("A", a), ("B", b), ("D", c))
            }
            m.submodules[f"bits_{first}"] = Instance(
                "CCU2C",
                **{f"p_INIT{n}": Const(LOOK_UP, 16) for n in range(2)},
                **{f"p_INJECT1_{n}": "NO" for n in range(2)},
                **{f"i_{pin}": value for pin, value in half.items()},
                **{f"i_C{n}": self.select for n in range(2)},
                **{f"o_S{n}": sums[n] for n in range(2)},
                i_CIN=carry,
                o_COUT=after,
            )
            m.d.comb += self.o[first : first + 2].eq(sums)
            carry = after
        return m
