"""One accumulator to its int8 code, bit for bit as TFLite's reference kernels give it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import SUM_BITS
from stillframe.contract.memory_map import PARAM_FIELDS

from .multiplier import Multiplier

LOW_BITS = 17
"""Bits of a factor's low half: signed, 18 are what a multiplier takes."""

LIMIT_BITS = 10
"""Width of a code's limits before the zero point is added."""


class RequantiseLane(wiring.Component):
    """Requantises one accumulator a cycle; the code comes :attr:`LATENCY` cycles after its operands.

    With x = z + bias and y = x << left, both wrapping as int32 as they do in TFLite::

        h = (y * multiplier + (1 << 30)) >> 31
        code = clamp(round_half_away(h / 2**right) + zero_point, act_min, act_max)

    or, with ``round_once``, without the first of the two roundings::

        code = clamp(((y * multiplier + (1 << 30 + right)) >> 31 + right) + zero_point, act_min, act_max)

    Takes 4 multipliers of 18 x 18 bits. The pipeline has neither handshake nor reset.

    Attributes:
        enable: Without it everything keeps its value.
        z: Accumulator or sum of operands, signed 30 bits.
        bias, multiplier, right, left: Parameters of the channel: int32, Q31 of 31 bits, 0 to 31, 0 to 7.
        round_once: Given ``ROUNDED`` cycles after z.
        zero_point, under, most: int8, act_min - zero_point - 1, act_max - zero_point; ``SHIFTED`` cycles
            after z.
        act_min, act_max: int8, act_min <= act_max; ``CLAMPED`` cycles after z.
        code: int8.
    """

    ROUNDED, SHIFTED, CLAMPED = 5, 8, 9
    LATENCY = 10

    enable: Signal
    z: Signal
    bias: Signal
    multiplier: Signal
    right: Signal
    left: Signal
    round_once: Signal
    zero_point: Signal
    under: Signal
    most: Signal
    act_min: Signal
    act_max: Signal
    code: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "enable": In(1),
                "z": In(signed(SUM_BITS)),
                "bias": In(signed(PARAM_FIELDS["bias"])),
                "multiplier": In(PARAM_FIELDS["multiplier"]),
                "right": In(PARAM_FIELDS["right"]),
                "left": In(PARAM_FIELDS["left"]),
                "round_once": In(1),
                "zero_point": In(signed(8)),
                "under": In(signed(LIMIT_BITS)),
                "most": In(signed(LIMIT_BITS)),
                "act_min": In(signed(8)),
                "act_max": In(signed(8)),
                "code": Out(signed(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()

        def register(name: str, value: Value, stages: int = 1) -> Signal:
            for stage in range(stages):
                unique = f"{name}_{stage}" if stages > 1 else name
                delayed = Signal(value.shape(), name=unique, reset_less=True)
                with m.If(self.enable):
                    m.d.sync += delayed.eq(value)
                value = delayed
            return delayed

        # 1: the multiplicand; its shift is before the second stage's registers, which are the multipliers'.
        biased = register("biased", (self.z + self.bias)[:32].as_signed())
        shifted = (biased << register("left", self.left))[:32].as_signed()
        multiplier = register("multiplier", self.multiplier)

        # 2, 3: 32 x 31 bits in four multipliers: low halves of 17 bits, high halves of the rest.
        low, high = shifted[:LOW_BITS], shifted[LOW_BITS:].as_signed()
        m_low, m_high = multiplier[:LOW_BITS], multiplier[LOW_BITS:]
        low_low, high_low = (
            self._multiply(m, "low_low", low, m_low),
            self._multiply(m, "high_low", high, m_low),
        )
        low_high, high_high = (
            self._multiply(m, "low_high", low, m_high),
            self._multiply(m, "high_high", high, m_high),
        )

        # 4, 5: their sum, without its lowest 17 bits, which only low_low has and which carry nothing.
        middle = register("middle", (high_low + low_high)[:33].as_signed())
        outer = register("outer", Cat(low_low[LOW_BITS : 2 * LOW_BITS], high_high[:29]).as_signed())
        product = register("product", (middle + outer)[:46].as_signed())

        # 6: h = floor(product / 2**14 + 1/2). Rounding h / 2**right half away from zero is adding one half
        # and flooring, for a negative h one less: that one is subtracted here. (Whether the product or h is
        # negative only differs where h = 0, and there -1 rounds to 0 just as well.) To round once, the first
        # half goes on as the bit below h instead.
        right = register("right_sum", self.right, 4)
        minus = register("shifts", right != 0) & product[-1]
        right = register("right_product", right)
        step = Signal(signed(2))
        m.d.comb += step.eq(Mux(self.round_once, 0, product[13] - minus))
        half = register("half", product[13] & self.round_once)
        rounded = register("rounded", (product[14:].as_signed() + step)[:32].as_signed())

        # 7, 8: shift right, keeping one bit of fraction. What needs more than 18 bits before the last shifts
        # (by at most 7), or more than 11 before the very last one, is at least 256 after them: out of range
        # whatever the zero point.
        right = register("right_rounded", right)
        fraction = Cat(half, rounded).as_signed()
        by_16 = Mux(right[4], fraction >> 16, fraction)
        coarse = register("coarse", Mux(right[3], by_16 >> 8, by_16))
        right = register("right_coarse", right)
        by_4 = Mux(right[2], coarse[:18].as_signed() >> 4, coarse[:18].as_signed())
        fine = register("fine", Mux(right[1], by_4 >> 2, by_4))
        beyond = register("beyond", (coarse[17:] != 0) & ~coarse[17:].all())
        sign = register("sign", coarse[-1])
        right = register("right_fine", right[0])

        # 9: the last shift; a one below the zero point carries the fraction into the sum. Beside it is seen
        # whether the sum is out of range.
        near = Signal(signed(11))
        m.d.comb += near.eq(Mux(right, fine[:11].as_signed() >> 1, fine[:11].as_signed()))
        value = register("value", (near + Cat(1, self.zero_point).as_signed())[1:9].as_signed())
        low = register("low", near < Cat(1, self.under).as_signed())
        high = register("high", near >= Cat(1, self.most).as_signed())
        overflow = register("overflow", beyond | ((fine[10:] != 0) & ~fine[10:].all()))
        negative = register("negative", sign)

        # 10: clamp.
        below, above = Mux(overflow, negative, low), Mux(overflow, ~negative, high)
        code = register("clamped", Mux(below, self.act_min, Mux(above, self.act_max, value)))
        m.d.comb += self.code.eq(code)
        return m

    def _multiply(self, m: Module, name: str, a: Value, b: Value) -> Value:
        """a x b, two cycles later."""
        block = Multiplier(LOW_BITS + 1, LOW_BITS + 1)
        m.submodules[name] = block
        m.d.comb += [block.enable.eq(self.enable), block.a.eq(a), block.b.eq(b)]
        return block.product
