"""The multiplier blocks of an iCE40UP, SB_MAC16, in the two ways in which the machine uses them.

They are instantiated, never inferred: Yosys' pass for inference takes blocks that are there already for its
own, and packs what is behind them into them, whatever they are set to.
"""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.vendor import SiliconBluePlatform


def _block(a: Value, b: Value, o: Value, **others: object) -> Instance:
    """A block without pipeline registers; ``others``: parameters and inputs that are not 0."""
    inputs = (
        *(
            "AHOLD",
            "BHOLD",
            "CHOLD",
            "DHOLD",
            "IRSTTOP",
            "IRSTBOT",
            "ORSTTOP",
            "ORSTBOT",
            "OLOADTOP",
            "OLOADBOT",
        ),
        *("ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI", "ACCUMCI", "SIGNEXTIN"),
    )
    ties = {f"i_{name}": Const(0, 1) for name in inputs}
    ties |= {"i_CLK": ClockSignal(), "i_CE": Const(1, 1), "i_C": Const(0, 16), "i_D": Const(0, 16)}
    return Instance("SB_MAC16", i_A=a, i_B=b, o_O=o, **ties | others)


class MultiplyAccumulate(wiring.Component):
    """Adds a product in each cycle with ``en``; 32 bits, which wrap around.

    Latency: ``sum`` counts the product from the next cycle on. On an iCE40UP it is one block, which needs no
    other cell; else the same in the simulator's arithmetic.

    Members:
        clear: The sum becomes 0 at once: it has to come from a register, and not together with ``en``.
        en, a, b: Add a * b.
        sum: The sum so far.
    """

    clear: Signal
    en: Signal
    a: Signal
    b: Signal
    sum: Signal

    def __init__(self) -> None:
        super().__init__(
            {"clear": In(1), "en": In(1), "a": In(signed(9)), "b": In(signed(8)), "sum": Out(signed(32))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not isinstance(platform, SiliconBluePlatform):
            with m.If(self.clear):
                m.d.sync += self.sum.eq(0)
            with m.Elif(self.en):
                m.d.sync += self.sum.eq(self.sum + self.a * self.b)
            return m
        a, b = Signal(signed(16)), Signal(signed(16))
        m.d.comb += [a.eq(self.a), b.eq(self.b)]
        m.submodules.block = _block(
            a,
            b,
            self.sum,
            p_A_SIGNED=Const(1, 1),
            p_B_SIGNED=Const(1, 1),
            # Both halves: the product and the half's register, into that register, which is given out.
            p_TOPADDSUB_LOWERINPUT=Const(2, 2),
            p_BOTADDSUB_LOWERINPUT=Const(2, 2),
            p_TOPADDSUB_CARRYSELECT=Const(2, 2),
            p_TOPOUTPUT_SELECT=Const(1, 2),
            p_BOTOUTPUT_SELECT=Const(1, 2),
            i_CE=self.en,
            i_ORSTTOP=self.clear,
            i_ORSTBOT=self.clear,
        )
        return m


class Multiply(wiring.Component):
    """``product`` = a * b, unsigned, in the same cycle: one block on an iCE40UP."""

    a: Signal
    b: Signal
    product: Signal

    def __init__(self) -> None:
        super().__init__({"a": In(16), "b": In(16), "product": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not isinstance(platform, SiliconBluePlatform):
            m.d.comb += self.product.eq(self.a * self.b)
            return m
        m.submodules.block = _block(
            self.a,
            self.b,
            self.product,
            p_TOPOUTPUT_SELECT=Const(3, 2),
            p_BOTOUTPUT_SELECT=Const(3, 2),
        )
        return m
