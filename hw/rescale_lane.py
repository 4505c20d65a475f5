"""Brings a code of one scale to that of a sum, bit for bit as TFLite's ADD and SUB do."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import SUM_BITS

from .multiplier import Multiplier

FRACTION = 11
"""31 bits of the multiplier less the 20 bits that TFLite shifts operands left by."""

LOW_BITS = 17
"""Of the multiplier, without a sign in a port of 18 bits."""


class RescaleLane(wiring.Component):
    """Rescales a code: with P = (code - zero_point) * multiplier, or its negative if ``negate``::

        h = (P + 2**10) >> 11            operand = round_half_away(h / 2**shift)

    which is (code - zero_point) << 20 rescaled with TFLite's two roundings. The last rounding is left to
    whoever adds the operand to something: ``operand = (twice + 1) >> 1``.

    Takes :data:`~stillframe.contract.array.ADD_MULTIPLIERS` multipliers. Neither handshake nor reset;
    ``twice`` comes :attr:`LATENCY` cycles after the operands, which are all taken together, one set a cycle.

    Attributes:
        code: int8. multiplier: Q31. shift: 0 to 15.
        zero_point: int8; with ``negate`` its complement, ``~zero_point``.
        negate: TFLite subtracts by a negative multiplier, which rounds halves the other way.
        twice: Within 2**29.
    """

    LATENCY = 1 + Multiplier.LATENCY + 4

    code: Signal
    zero_point: Signal
    negate: Signal
    multiplier: Signal
    shift: Signal
    twice: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "code": In(signed(8)),
                "zero_point": In(signed(8)),
                "negate": In(1),
                "multiplier": In(31),
                "shift": In(4),
                "twice": Out(signed(SUM_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()

        def register(name: str, value: Value, stages: int = 1) -> Signal:
            for stage in range(stages):
                delayed = Signal(value.shape(), name=f"{name}_{stage}", reset_less=True)
                m.d.sync += delayed.eq(value)
                value = delayed
            return delayed

        # 1: the distance; ~a - ~b is b - a. All lanes have the same zero point, so it comes complemented.
        flip = self.negate.replicate(8).as_signed()
        distance = register("distance", (self.code ^ flip) - self.zero_point)
        multiplier, shift = register("multiplier", self.multiplier), register("shift", self.shift)

        # 2, 3: two multipliers' own registers.
        m.submodules.low = low = Multiplier(9, LOW_BITS + 1)
        m.submodules.high = high = Multiplier(9, 31 - LOW_BITS + 1)
        m.d.comb += [
            low.enable.eq(1),
            high.enable.eq(1),
            low.a.eq(distance),
            high.a.eq(distance),
            low.b.eq(multiplier[:LOW_BITS]),
            high.b.eq(multiplier[LOW_BITS:]),
        ]

        # 4, 5: twice h. Half of the first rounding goes up whatever the sign. Rounding h / 2**shift half away
        # from zero is adding one half and flooring, for a negative h one less: that one is subtracted here.
        # (A negative distance makes h negative or 0, and there -1 rounds to 0 just as well.)
        minus = register("minus", distance[-1] & shift.any(), Multiplier.LATENCY)
        half = register("half", (low.product >> FRACTION - 1) + Mux(minus, Const(-1), 1))
        above = register("above", high.product << LOW_BITS - FRACTION + 1)
        rounded = register("rounded", (above + half)[:SUM_BITS])
        twice = Cat(0, rounded[1:]).as_signed()

        # 6, 7: shift right.
        shift = register("shift_rounded", shift, Multiplier.LATENCY + 2)
        by_8 = Mux(shift[3], twice >> 8, twice)
        coarse = register("coarse", Mux(shift[2], by_8 >> 4, by_8))
        shift = register("shift_coarse", shift[:2])
        by_2 = Mux(shift[1], coarse >> 2, coarse)
        fine = register("fine", Mux(shift[0], by_2 >> 1, by_2))
        m.d.comb += self.twice.eq(fine)
        return m
