"""A multiplier with registers before and behind it, which on an ECP5 are those of its block."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.vendor import LatticeECP5Platform

PORT_BITS = 18


class Multiplier(wiring.Component):
    """``product`` is a x b of ``LATENCY`` cycles with ``enable`` before; without it all keep their values.

    On an ECP5 it is a MULT18X18D with its input and output registers (Lattice, ECP5 sysDSP Usage Guide), so
    that no routing lies between registers and multiplier; Yosys does not put registers there by itself.
    Elsewhere it is written out, with the same behaviour.

    Args:
        a_bits, b_bits: Widths of the factors, signed, at most 18.
    """

    LATENCY = 2

    enable: Signal
    a: Signal
    b: Signal
    product: Signal

    def __init__(self, a_bits: int, b_bits: int) -> None:
        self._bits = a_bits, b_bits
        super().__init__(
            {
                "enable": In(1),
                "a": In(signed(a_bits)),
                "b": In(signed(b_bits)),
                "product": Out(signed(a_bits + b_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if isinstance(platform, LatticeECP5Platform):
            m.submodules.block = self._block(m)
            return m
        a, b = (Signal(signed(bits), reset_less=True) for bits in self._bits)
        product = Signal(signed(sum(self._bits)), reset_less=True)
        with m.If(self.enable):
            m.d.sync += [a.eq(self.a), b.eq(self.b), product.eq(a * b)]
        m.d.comb += self.product.eq(product)
        return m

    def _block(self, m: Module) -> Instance:
        a, b = Signal(signed(PORT_BITS)), Signal(signed(PORT_BITS))
        product = Signal(2 * PORT_BITS)
        m.d.comb += [a.eq(self.a), b.eq(self.b), self.product.eq(product[: sum(self._bits)].as_signed())]
        ports = {f"i_A{bit}": a[bit] for bit in range(PORT_BITS)}
        ports |= {f"i_B{bit}": b[bit] for bit in range(PORT_BITS)}
        ports |= {f"i_C{bit}": Const(0, 1) for bit in range(PORT_BITS)}
        ports |= {f"o_P{bit}": product[bit] for bit in range(2 * PORT_BITS)}
        registers = {
            f"p_REG_{name}_{what}": signal
            for name in ("INPUTA", "INPUTB", "OUTPUT")
            for what, signal in (("CLK", "CLK0"), ("CE", "CE0"), ("RST", "RST0"))
        }
        # The cascade ports SRIA, SRIB, SROA and SROB have no routing from elsewhere: they stay open.
        return Instance(
            "MULT18X18D",
            **registers,
            **ports,
            p_GSR="DISABLED",
            p_RESETMODE="SYNC",
            i_SIGNEDA=Const(1, 1),
            i_SIGNEDB=Const(1, 1),
            i_SOURCEA=Const(0, 1),
            i_SOURCEB=Const(0, 1),
            i_CLK0=ClockSignal(),
            i_CE0=self.enable,
            i_RST0=Const(0, 1),
        )
