"""Requantises: a multiplication by a Q31 number, rounded, and a rounded division by a power of two."""

from __future__ import annotations

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .multipliers import Multiply


class Scaler(wiring.Component):
    """One number after the other, with one multiplier of 16 x 16 bits.

    With x, multiplier m, left shift l and right shift n (one of l, n is 0), all as ``docs/architecture.md``
    has them: h = ((x << l) * m + (1 << 30)) >> 31, and ``result`` = h / 2^n, halves away from zero; or with
    ``once`` ``result`` = ((x << l) * m + (1 << (30 + n))) >> (31 + n).

    Latency: 7 + l + n // 4 + n % 4 cycles from ``start`` to ``busy`` low.

    Members:
        put_multiplier, put_shift, put_once: ``value`` is the multiplier (31 bits), the shifts (right in
            bits 0 to 4, left above), whether to round once.
        start: ``value`` is x, 32 bits.
        busy: ``result`` is not there yet.
    """

    put_multiplier: Signal
    put_shift: Signal
    put_once: Signal
    start: Signal
    value: Signal
    busy: Signal
    result: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "put_multiplier": In(1),
                "put_shift": In(1),
                "put_once": In(1),
                "start": In(1),
                "value": In(32),
                "busy": Out(1),
                "result": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        multiplier, right, left, once = Signal(31), Signal(5), Signal(3), Signal()
        x = Signal(32)  # at last h, which is shifted right
        with m.If(self.put_multiplier):
            m.d.sync += multiplier.eq(self.value)
        with m.If(self.put_shift):
            m.d.sync += [right.eq(self.value[:5]), left.eq(self.value[5:8])]
        with m.If(self.put_once):
            m.d.sync += once.eq(self.value)

        # The product of x without a sign, from the right: ``total`` is what it has from bit 16 * (steps so
        # far) on, and starts with the half that is rounded with.
        total = Signal(34)
        m.submodules.multiply = multiply = Multiply()
        high_x, high_m, shift, subtract = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            multiply.a.eq(Mux(high_x, x[16:], x[:16])),
            multiply.b.eq(Mux(high_m, multiplier[16:], multiplier[:16])),
        ]
        so_far = Mux(shift, total[16:], total)
        addend, added = Signal(34), Signal(34)
        m.d.comb += addend.eq(multiply.product)
        with m.If(subtract):
            m.d.comb += addend.eq(~Cat(multiplier, C(0, 3)))
        m.d.comb += added.eq(so_far + addend + subtract)
        below = Signal(2)  # the two bits of the product below bit 32
        half, sticky, negative = Signal(), Signal(), Signal()
        m.d.comb += self.result.eq(x + (half & (once | sticky | ~negative)))

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [x.eq(self.value), total.eq(Mux(once, 0, 1 << 30))]
                m.next = "LEFT"
            with m.State("LEFT"):
                with m.If(left == 0):
                    m.d.sync += total.eq(added)
                    m.next = "LOW"
                with m.Else():
                    m.d.sync += [x.eq(x << 1), left.eq(left - 1)]
            with m.State("LOW"):
                m.d.comb += [shift.eq(1), high_m.eq(1)]
                m.d.sync += total.eq(added)
                m.next = "MIDDLE"
            with m.State("MIDDLE"):
                m.d.comb += high_x.eq(1)
                m.d.sync += [total.eq(added), below.eq(added[14:16])]
                m.next = "HIGH"
            with m.State("HIGH"):
                m.d.comb += [shift.eq(1), high_x.eq(1), high_m.eq(1)]
                m.d.sync += total.eq(added)
                m.next = "SIGN"
            with m.State("SIGN"):  # bits 32 to 63 are too large by the multiplier if x is negative
                m.d.comb += subtract.eq(1)
                high = Mux(x[31], added[:32], total[:32])
                m.d.sync += [
                    x.eq((high << 1) | below[1]),
                    negative.eq(high[30]),
                    half.eq(once & below[0]),
                    sticky.eq(0),
                ]
                m.next = "RIGHT"
            with m.State("RIGHT"):
                with m.If(right == 0):
                    m.next = "IDLE"
                with m.Elif(right[2:] != 0):
                    m.d.sync += [
                        right[2:].eq(right[2:] - 1),
                        x.eq(x.as_signed() >> 4),
                        half.eq(x[3]),
                        sticky.eq(sticky | half | x[:3].any()),
                    ]
                with m.Else():
                    m.d.sync += [
                        right[:2].eq(right[:2] - 1),
                        x.eq(x.as_signed() >> 1),
                        half.eq(x[0]),
                        sticky.eq(sticky | half),
                    ]
        return m
