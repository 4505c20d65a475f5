"""Sum or difference of two words of codes of different scales, bit for bit as TFLite's ADD and SUB."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import SUM_BITS, ArrayConfig

from .payloads import PLACE, placed, sum_word
from .signatures import LayerSignature
from .window_reader import window_word

FRACTION = 11
"""31 bits of the multiplier less the 20 bits that TFLite shifts operands left by."""


class RescaleLane(wiring.Component):
    """Rescales a code: with P = (code - zero_point) * multiplier, or its negative if ``negate``::

        h = (P + 2**10) >> 11            operand = round_half_away(h / 2**shift)

    which is (code - zero_point) << 20 rescaled with TFLite's two roundings. The last rounding is left to
    whoever adds the operand to something: ``operand = (twice + 1) >> 1``.

    The product is the sum of the multiplier's multiples by the distance's digits to the base of 4, in
    adders: the array and the requantisers leave no multiplier blocks. Neither handshake nor reset; ``twice``
    comes :attr:`LATENCY` cycles after the operands, which are all taken together, one set a cycle.

    Attributes:
        code, zero_point: int8. multiplier: Q31. triple: three times the multiplier. shift: 0 to 15.
        negate: TFLite subtracts by a negative multiplier, which rounds halves the other way.
        twice: signed, within 2**29.
    """

    LATENCY = 6

    code: Signal
    zero_point: Signal
    negate: Signal
    multiplier: Signal
    triple: Signal
    shift: Signal
    twice: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "code": In(signed(8)),
                "zero_point": In(signed(8)),
                "negate": In(1),
                "multiplier": In(31),
                "triple": In(33),
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

        # Distance and sign; from here on, numbers without a sign.
        below = self.code < self.zero_point
        distance = Mux(below, self.zero_point - self.code, self.code - self.zero_point)
        distance = register("distance", distance[:8])
        negative = register("negative", below ^ self.negate)
        multiplier, triple = register("multiplier", self.multiplier), register("triple", self.triple)

        def multiple(digit: int) -> Value:
            bits = distance[2 * digit : 2 * digit + 2]
            odd = Mux(bits[1], triple, multiplier)
            even = Mux(bits[1], multiplier << 1, 0)
            return Mux(bits[0], odd, even)[: len(triple)]

        low = register("low", multiple(0) + (multiple(1) << 2))
        high = register("high", multiple(2) + (multiple(3) << 2))
        product = register("product", (low + (high << 4))[: 8 + 31])
        # Half of the first rounding goes up whatever the sign: of a negative number, towards zero.
        negative = register("negative_product", negative, 2)
        half = product[FRACTION - 1] & (~negative | product[: FRACTION - 1].any())
        h = register("h", (product[FRACTION:] + half)[: 8 + 31 - FRACTION])
        # The shift keeps one bit of fraction, which the last rounding goes by.
        shift = register("shift", self.shift, 4)
        by_8 = Mux(shift[3], (h << 1) >> 8, h << 1)
        coarse = register("coarse", Mux(shift[2], by_8 >> 4, by_8))
        shift = register("shift_coarse", shift)
        by_2 = Mux(shift[1], coarse >> 2, coarse)
        fine = Mux(shift[0], by_2 >> 1, by_2)
        # Half of this one goes away from zero: (~fine + 1) >> 1 is -((fine + 1) >> 1).
        negative = register("negative_coarse", negative, 2)
        signs = negative.replicate(SUM_BITS)
        m.d.comb += self.twice.eq(register("twice", fine[:SUM_BITS] ^ signs))
        return m


class ResidualAdd(wiring.Component):
    """Adds the words of two tensors: one that is not ``second``, then one that is.

    ``o`` comes with ``done`` ``LATENCY`` cycles after the second word. Takes a word a cycle, cannot be
    stalled. ``busy``: a word is under way. ``layer`` is constant from two cycles before the first word on.
    """

    LATENCY = RescaleLane.LATENCY + 1

    valid: Signal
    done: Signal
    busy: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "valid": In(1),
                "i": In(window_word(config)),
                "done": Out(1),
                "busy": Out(1),
                "o": Out(placed(sum_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer, second = self._config, self.layer, self.i.second
        word = self.i.output.word

        # What goes along with the codes.
        along = data.StructLayout(
            {"second": 1, "row": word.row.shape(), "offset": word.offset.shape(), "valid": config.drain}
            | {"place": PLACE}
        )
        here = Signal(along)
        m.d.comb += [here.second.eq(second), here.place.eq(self.i.output.place)]
        m.d.comb += [here[name].eq(word[name]) for name in ("row", "offset", "valid")]
        words, valid = [here], [self.valid]
        for stage in range(RescaleLane.LATENCY):
            kept = Signal(along, name=f"word_{stage}", reset_less=True)
            present = Signal(name=f"valid_{stage}")
            m.d.sync += [kept.eq(words[-1]), present.eq(valid[-1])]
            words.append(kept)
            valid.append(present)
        last, came = words[-1], valid[-1]
        m.d.sync += self.done.eq(came & last.second)
        m.d.comb += self.busy.eq(Cat(valid[1:], self.done).any())
        with m.If(came):
            m.d.sync += self.o.place.eq(last.place)
            m.d.sync += [self.o.word[name].eq(last[name]) for name in ("row", "offset", "valid")]

        triples = [Signal(unsigned(33), name=f"triple_{n}") for n in range(2)]
        for triple, multiplier in zip(triples, (layer.in_multiplier, layer.second_multiplier), strict=True):
            m.d.sync += triple.eq(multiplier + (multiplier << 1))
        for d in range(config.drain):
            m.submodules[f"lane_{d}"] = lane = RescaleLane()
            before, z = Signal(signed(SUM_BITS), name=f"before_{d}"), self.o.word.z[d]
            m.d.comb += [
                lane.code.eq(word.codes[d]),
                lane.zero_point.eq(Mux(second, layer.second_zero_point, layer.in_zero_point)),
                lane.negate.eq(second & layer.subtract),
                lane.multiplier.eq(Mux(second, layer.second_multiplier, layer.in_multiplier)),
                lane.triple.eq(Mux(second, triples[1], triples[0])),
                lane.shift.eq(Mux(second, layer.second_shift, layer.in_shift)),
                before.eq(Mux(last.second, z, 0)),
            ]
            with m.If(came):  # one adder: twice + 1 + 2 * before
                m.d.sync += z.eq((Cat(Const(1, 1), before).as_signed() + lane.twice) >> 1)
        return m
