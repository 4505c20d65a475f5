"""One lane: a multiplier with its accumulator."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.vendor import SiliconBluePlatform


class MultiplyAccumulate(wiring.Component):
    """Adds a product in each cycle with ``en``; 32 bits, which wrap around.

    Latency: ``sum`` counts the product from the next cycle on. On an iCE40UP it is one SB_MAC16, which needs no
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
        a, b, zero = Signal(signed(16)), Signal(signed(16)), Const(0, 1)
        m.d.comb += [a.eq(self.a), b.eq(self.b)]
        ties = {
            f"i_{name}": zero
            for name in (
                *("AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "OLOADTOP", "OLOADBOT"),
                *("ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI", "ACCUMCI", "SIGNEXTIN"),
            )
        }
        m.submodules.block = Instance(
            "SB_MAC16",
            p_A_SIGNED=Const(1, 1),
            p_B_SIGNED=Const(1, 1),
            # Both halves: the 32-bit product, plus the half's register, into the register that is given out.
            p_TOPADDSUB_LOWERINPUT=Const(2, 2),
            p_BOTADDSUB_LOWERINPUT=Const(2, 2),
            p_TOPADDSUB_CARRYSELECT=Const(2, 2),
            p_TOPOUTPUT_SELECT=Const(1, 2),
            p_BOTOUTPUT_SELECT=Const(1, 2),
            i_CLK=ClockSignal(),
            i_CE=self.en,
            i_A=a,
            i_B=b,
            i_C=Const(0, 16),
            i_D=Const(0, 16),
            i_ORSTTOP=self.clear,
            i_ORSTBOT=self.clear,
            **ties,
            o_O=self.sum,
        )
        return m
