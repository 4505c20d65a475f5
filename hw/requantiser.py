"""From accumulators to int8 codes, bit for bit as TFLite's reference kernels give them."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, EnableInserter, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, SUM_BITS, ArrayConfig
from stillframe.contract.memory_map import Param

from .payloads import sum_word, table_word
from .signatures import COLUMN_BITS, LayerSignature

MULTIPLIER_BITS = 31
RIGHT_BITS = 5
LEFT_BITS = 3

LUT_RAM_DEPTH = 128
"""Up to this depth synthesis may put PARAMS into LUTs."""


class RequantiseLane(wiring.Component):
    """Requantises one accumulator a cycle; the code comes :attr:`LATENCY` cycles after its operands.

    With x = z + bias and y = x << left, both wrapping as int32 as they do in TFLite::

        h = (y * multiplier + (1 << 30)) >> 31
        code = clamp(round_half_away(h / 2**right) + zero_point, act_min, act_max)

    or, with ``round_once``, without the first of the two roundings::

        code = clamp(((y * multiplier + (1 << 30 + right)) >> 31 + right) + zero_point, act_min, act_max)

    Takes 4 multipliers of 18 x 18 bits. The pipeline has neither handshake nor reset; whoever uses it
    stalls it through an ``EnableInserter``.

    Attributes:
        z: Accumulator or sum of operands, signed 30 bits.
        bias, multiplier, right, left: Parameters of the channel: int32, Q31 of 31 bits, 0 to 31, 0 to 7.
        round_once, zero_point, act_min, act_max: The latter three int8, act_min <= act_max. They are not
            delayed, so they are given ``ROUNDED``, ``SHIFTED`` and (both limits) ``CLAMPED`` cycles after z.
        code: int8.
    """

    ROUNDED, SHIFTED, CLAMPED = 5, 8, 9
    LATENCY = 10

    z: Signal
    bias: Signal
    multiplier: Signal
    right: Signal
    left: Signal
    round_once: Signal
    zero_point: Signal
    act_min: Signal
    act_max: Signal
    code: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "z": In(signed(SUM_BITS)),
                "bias": In(signed(32)),
                "multiplier": In(MULTIPLIER_BITS),
                "right": In(RIGHT_BITS),
                "left": In(LEFT_BITS),
                "round_once": In(1),
                "zero_point": In(signed(8)),
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
                m.d.sync += delayed.eq(value)
                value = delayed
            return delayed

        # 1, 2: the multiplicand.
        biased = register("biased", (self.z + self.bias)[:32].as_signed())
        left = register("left", self.left)
        shifted = register("shifted", (biased << left)[:32].as_signed())
        multiplier = register("multiplier", self.multiplier, 2)

        # 3: 32 x 31 bits in four 18 x 18 multipliers: low halves of 17 bits, high halves of the rest.
        low, high = shifted[:17], shifted[17:].as_signed()
        m_low, m_high = multiplier[:17], multiplier[17:]
        low_low = register("low_low", low * m_low)
        high_low = register("high_low", high * m_low)
        low_high = register("low_high", low * m_high)
        high_high = register("high_high", high * m_high)

        # 4, 5: their sum, without its lowest 17 bits, which only low_low has and which carry nothing.
        middle = register("middle", high_low + low_high)
        outer = register("outer", Cat(low_low[17:], high_high).as_signed())
        product = register("product", (middle + outer)[:46].as_signed())

        # 6: h = floor(product / 2**14 + 1/2). Rounding h / 2**right half away from zero is adding one half
        # and flooring, for a negative h one less: that one is subtracted here. (Whether the product or h is
        # negative only differs where h = 0, and there -1 rounds to 0 just as well.) To round once, the first
        # half goes on as the bit below h instead.
        right = register("right_product", self.right, 5)
        minus = (right != 0) & product[-1]
        step = Signal(signed(2))
        m.d.comb += step.eq(Mux(self.round_once, 0, product[13] - minus))
        half = register("half", product[13] & self.round_once)
        rounded = register("rounded", (product[14:].as_signed() + step)[:32].as_signed())

        # 7, 8: shift right, keeping one bit of fraction. What needs more than 18 bits before the last shifts
        # (by at most 7) is at least 512 after them: out of range whatever the zero point.
        right = register("right_rounded", right)
        fraction = Cat(half, rounded).as_signed()
        by_16 = Mux(right[4], fraction >> 16, fraction)
        coarse = register("coarse", Mux(right[3], by_16 >> 8, by_16))
        right = register("right_coarse", right)
        by_4 = Mux(right[2], coarse[:18].as_signed() >> 4, coarse[:18].as_signed())
        fine = register("fine", Mux(right[1], by_4 >> 2, by_4))
        overflow = register("overflow", (coarse[17:] != 0) & ~coarse[17:].all(), 2)
        negative = register("negative", coarse[-1], 2)
        right = register("right_fine", right[0])

        # 9: the last shift; a one below the zero point carries the fraction into the sum.
        total = Mux(right, fine >> 1, fine) + Cat(1, self.zero_point).as_signed()
        value = register("value", total >> 1)

        # 10: clamp.
        below = Mux(overflow, negative, value < self.act_min)
        above = Mux(overflow, ~negative, value > self.act_max)
        code = register("clamped", Mux(below, self.act_min, Mux(above, self.act_max, value[:8].as_signed())))
        m.d.comb += self.code.eq(code)
        return m


class Requantiser(wiring.Component):
    """Requantises a word of ``drain`` accumulators a cycle, with parameters it keeps by PARAMS row.

    A word leaves :attr:`LATENCY` cycles after it was taken, if nothing stalls; throughput one word a cycle.
    The whole pipeline stands still while the word at its end is not taken.

    Attributes:
        i: Stream of :func:`~stillframe.hw.payloads.sum_word`.
        own: With a word in ``i``: it is a ``fused`` layer's own, to which a second tensor is added.
        o: Stream of :func:`~stillframe.hw.payloads.table_word`.
        o_own: ``own`` of the word in ``o``.
        next_offset: Offset of the word that is in ``o`` in the next cycle, if nothing stalls.
        layer: ``round_once``, ``requant_zero_point``, ``act_min`` and ``act_max`` are used; for own words
            ``in_zero_point``, ``own_min`` and ``own_max`` instead of the latter. Sums that ``fused`` layers
            make are rounded twice.
        write_en, write_column, write_row, write_data: Host's port to PARAMS (see
            :class:`~stillframe.contract.memory_map.Param`), for use while no word is in the pipeline.
    """

    MEMORY_LATENCY = 2  # the memory and a fabric register, since a block RAM's output is late in the cycle
    LATENCY = MEMORY_LATENCY + RequantiseLane.LATENCY

    i: stream.Interface
    o: stream.Interface
    own: Signal
    o_own: Signal
    next_offset: Signal
    layer: wiring.PureInterface
    write_en: Signal
    write_column: Signal
    write_row: Signal
    write_data: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(sum_word(config))),
                "own": In(1),
                "o": Out(stream.Signature(table_word(config))),
                "o_own": Out(1),
                "next_offset": Out(ADDRESS_BITS),
                "layer": In(LayerSignature()),
                "write_en": In(1),
                "write_column": In(COLUMN_BITS),
                "write_row": In(ADDRESS_BITS),
                "write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        i, o, layer, drain = self.i, self.o, self.layer, self.config.drain

        advance = Signal()
        valid, own = Signal(self.LATENCY), Signal(self.LATENCY)
        m.d.comb += [
            advance.eq(~o.valid | o.ready),
            i.ready.eq(advance),
            o.valid.eq(valid[-1]),
            self.o_own.eq(own[-1]),
        ]
        with m.If(advance):
            m.d.sync += [valid.eq(Cat(i.valid, valid)), own.eq(Cat(self.own, own))]
        m.d.sync += Assert(~(self.write_en & i.valid), "PARAMS written while words are requantised")

        word: data.View[data.StructLayout] = i.p
        for stage in range(self.LATENCY):
            kept = Signal(sum_word(self.config), name=f"word_{stage}", reset_less=True)
            with m.If(advance):
                m.d.sync += kept.eq(word)
            word = kept
            if stage + 1 == self.MEMORY_LATENCY:
                z = word.z
            if stage + 2 == self.LATENCY:
                m.d.comb += self.next_offset.eq(word.offset)
        for name in ("row", "offset", "valid"):
            m.d.comb += o.p[name].eq(word[name])

        # The shifts of all lanes share a memory word, hence a block RAM: they are a byte each.
        shifts = Cat(self.write_data[:RIGHT_BITS], self.write_data[8 : 8 + LEFT_BITS])
        bias = self._parameter(m, Param.BIAS, self.write_data)
        multiplier = self._parameter(m, Param.MULTIPLIER, self.write_data[:MULTIPLIER_BITS])
        shift = self._parameter(m, Param.SHIFT, shifts)
        # What depends on the word, in registers that all lanes share.
        round_once = Signal(reset_less=True)
        zero_point, act_min, act_max = (
            Signal(signed(8), name=name, reset_less=True) for name in ("zero_point", "act_min", "act_max")
        )

        def own_after(cycles: int) -> Value:
            """``own`` of the word whose z was at the lanes ``cycles`` - 1 cycles ago."""
            return own[self.MEMORY_LATENCY + cycles - 2]

        rounded, shifted, clamped = map(
            own_after, (RequantiseLane.ROUNDED, RequantiseLane.SHIFTED, RequantiseLane.CLAMPED)
        )
        with m.If(advance):
            m.d.sync += [
                round_once.eq(layer.round_once & (rounded | ~layer.fused)),
                zero_point.eq(Mux(shifted, layer.in_zero_point, layer.requant_zero_point)),
                act_min.eq(Mux(clamped, layer.own_min, layer.act_min)),
                act_max.eq(Mux(clamped, layer.own_max, layer.act_max)),
            ]
        for d in range(drain):
            lane = RequantiseLane()
            m.submodules[f"lane_{d}"] = EnableInserter(advance)(lane)
            m.d.comb += [
                lane.z.eq(z[d]),
                lane.bias.eq(bias[d]),
                lane.multiplier.eq(multiplier[d]),
                lane.right.eq(shift[d][:RIGHT_BITS]),
                lane.left.eq(shift[d][RIGHT_BITS:]),
                lane.round_once.eq(round_once),
                lane.zero_point.eq(zero_point),
                lane.act_min.eq(act_min),
                lane.act_max.eq(act_max),
                o.p.codes[d].eq(lane.code),
            ]
        return m

    def _parameter(self, m: Module, param: Param, value: Value) -> data.View[data.ArrayLayout]:
        """A memory of one parameter of all lanes, ``value`` being what the host writes to a column of it.

        Gives what it holds for the word in stage 2, by lane.
        """
        drain = self.config.drain
        shape = data.ArrayLayout(len(value), drain)
        depth = self.config.params_words
        style = {"ram_style": "block" if depth > LUT_RAM_DEPTH else "distributed"}
        storage = Memory(shape=shape, depth=depth, init=[], attrs=style)
        m.submodules[param.name.lower()] = storage
        write, read = storage.write_port(granularity=1), storage.read_port()
        output = Signal(shape, name=f"{param.name.lower()}_output", reset_less=True)
        m.d.comb += [
            write.addr.eq(self.write_row),
            write.data.eq(value.replicate(drain)),
            write.en.eq(Cat(self.write_en & (self.write_column == 3 * d + param) for d in range(drain))),
            read.addr.eq(self.i.p.row),
            read.en.eq(self.i.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += output.eq(read.data)
        return output
