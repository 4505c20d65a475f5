"""Sum or difference of two words of codes of different scales, bit for bit as TFLite's ADD and SUB."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import SUM_BITS, ArrayConfig

from .payloads import sum_word
from .signatures import LayerSignature
from .window_reader import window_word

FRACTION = 11
"""31 bits of the multiplier less the 20 bits that TFLite shifts operands left by."""


class RescaleLane(wiring.Component):
    """Rescales a code: with P = (code - zero_point) * multiplier, or its negative if ``negate``::

        h = (P + 2**10) >> 11            scaled = round_half_away(h / 2**shift)

    which is (code - zero_point) << 20 rescaled with TFLite's two roundings. Takes 2 multipliers of 18 x 18
    bits. Neither handshake nor reset; ``scaled`` comes :attr:`LATENCY` cycles after the operands, which are
    all taken together.

    Attributes:
        code, zero_point: int8. multiplier: Q31. shift: 0 to 15. negate: TFLite subtracts by a negative
            multiplier, which rounds halves the other way.
        scaled: signed, within 2**28.
    """

    LATENCY = 6

    code: Signal
    zero_point: Signal
    negate: Signal
    multiplier: Signal
    shift: Signal
    scaled: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "code": In(signed(8)),
                "zero_point": In(signed(8)),
                "negate": In(1),
                "multiplier": In(31),
                "shift": In(4),
                "scaled": Out(signed(SUM_BITS)),
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

        difference = self.code - self.zero_point
        centred = register("centred", Mux(self.negate, self.zero_point - self.code, difference))
        multiplier = register("multiplier", self.multiplier)
        low = register("low", centred * multiplier[:17])
        high = register("high", centred * multiplier[17:])
        product = register("product", (high << 17) + low)
        shift = register("shift", self.shift, 3)
        # Rounding h / 2**shift half away from zero: add one half and floor, for a negative h one less.
        h = (product + (1 << (FRACTION - 1))) >> FRACTION
        away = register("away", (h - ((shift != 0) & product[-1]))[: SUM_BITS - 1].as_signed())
        shift = register("shift_away", shift)
        # The shift keeps one bit of fraction, which the last stage rounds by.
        fraction = away << 1
        by_8 = Mux(shift[3], fraction >> 8, fraction)
        coarse = register("coarse", Mux(shift[2], by_8 >> 4, by_8))
        shift = register("shift_coarse", shift)
        by_2 = Mux(shift[1], coarse >> 2, coarse)
        fine = Mux(shift[0], by_2 >> 1, by_2)
        m.d.comb += self.scaled.eq(register("scaled", (fine + 1) >> 1))
        return m


class ResidualAdd(wiring.Component):
    """Adds the words of two tensors: one that is not ``second``, then one that is.

    ``o`` comes with ``done`` ``LATENCY`` cycles after the second word. Takes a word a cycle, cannot be
    stalled.
    """

    LATENCY = RescaleLane.LATENCY + 1

    valid: Signal
    done: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "valid": In(1),
                "i": In(window_word(config)),
                "done": Out(1),
                "o": Out(sum_word(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, second = self.layer, self.i.second
        words = [self.i]
        valid = [self.valid]
        for stage in range(RescaleLane.LATENCY):
            kept = Signal(window_word(self._config), name=f"word_{stage}", reset_less=True)
            present = Signal(name=f"valid_{stage}")
            m.d.sync += [kept.eq(words[-1]), present.eq(valid[-1])]
            words.append(kept)
            valid.append(present)
        word = words[-1]
        m.d.sync += self.done.eq(valid[-1] & word.second)
        with m.If(valid[-1]):
            for name in ("row", "offset", "valid", "last"):
                m.d.sync += self.o[name].eq(word.word[name])
        for d in range(self._config.drain):
            m.submodules[f"lane_{d}"] = lane = RescaleLane()
            m.d.comb += [
                lane.code.eq(self.i.word.codes[d]),
                lane.zero_point.eq(Mux(second, layer.second_zero_point, layer.in_zero_point)),
                lane.negate.eq(second & layer.subtract),
                lane.multiplier.eq(Mux(second, layer.second_multiplier, layer.in_multiplier)),
                lane.shift.eq(Mux(second, layer.second_shift, layer.in_shift)),
            ]
            with m.If(valid[-1]):
                m.d.sync += self.o.z[d].eq(Mux(word.second, self.o.z[d], 0) + lane.scaled)
        return m
