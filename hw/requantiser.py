"""From accumulators to int8 codes, bit for bit as TFLite's reference kernels give them."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract import Op
from stillframe.contract.array import ADDRESS_BITS, ArrayConfig

from .parameters import Parameters
from .payloads import sum_word, table_word
from .requantise_lane import RequantiseLane
from .signatures import COLUMN_BITS, LayerSignature


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
        layer: ``op``, ``params``, ``round_once``, ``requant_zero_point``, ``act_min`` and ``act_max`` are
            used; for own words ``in_zero_point``, ``own_min`` and ``own_max`` instead of the last three. Sums
            that ``fused`` layers make are rounded twice.
        start: Pulse, a layer's work begins.
        loaded: Words of the layer may come (see :class:`~.parameters.Parameters`); stays high where it sends
            none here.
        write_en, write_column, write_row, write_data: Host's port to PARAMS, for use while no word is in the
            pipeline.
    """

    LATENCY = Parameters.LATENCY + RequantiseLane.LATENCY

    i: stream.Interface
    o: stream.Interface
    own: Signal
    o_own: Signal
    next_offset: Signal
    layer: wiring.PureInterface
    start: Signal
    loaded: Signal
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
                "start": In(1),
                "loaded": Out(1),
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
        m.d.sync += [
            Assert(~(self.write_en & i.valid), "PARAMS written while words are requantised"),
            Assert(~i.valid | self.loaded, "a word before its parameters"),
        ]

        word: data.View[data.StructLayout] = i.p
        for stage in range(self.LATENCY):
            kept = Signal(sum_word(self.config), name=f"word_{stage}", reset_less=True)
            with m.If(advance):
                m.d.sync += kept.eq(word)
            word = kept
            if stage + 1 == Parameters.LATENCY:
                z = word.z
            if stage + 2 == self.LATENCY:
                m.d.comb += self.next_offset.eq(word.offset)
        for name in ("row", "offset", "valid"):
            m.d.comb += o.p[name].eq(word[name])

        m.submodules.parameters = parameters = Parameters(self.config)
        m.d.comb += [
            parameters.enable.eq(advance),
            parameters.row.eq(i.p.row),
            parameters.start.eq(self.start & ((layer.op == Op.MAC) | (layer.op == Op.ADD))),
            parameters.params.eq(layer.params),
            self.loaded.eq(parameters.loaded),
            parameters.write_en.eq(self.write_en),
            parameters.write_column.eq(self.write_column),
            parameters.write_row.eq(self.write_row),
            parameters.write_data.eq(self.write_data),
        ]
        limits = self._limits(m, own, advance)
        for d in range(drain):
            m.submodules[f"lane_{d}"] = lane = RequantiseLane()
            channel = parameters.channels[d]
            m.d.comb += [
                lane.enable.eq(advance),
                lane.z.eq(z[d]),
                lane.bias.eq(channel.bias),
                lane.multiplier.eq(channel.multiplier),
                lane.right.eq(channel.right),
                lane.left.eq(channel.left),
                *(getattr(lane, name).eq(value) for name, value in limits[2 * d // drain].items()),
                o.p.codes[d].eq(lane.code),
            ]
        return m

    def _limits(self, m: Module, own: Signal, advance: Signal) -> list[dict[str, Signal]]:
        """What the lanes of either half add to a word's codes and hold them within, each when they use it.

        Args:
            own: Of the words taken last, by the cycles since.
        """
        layer, lane = self.layer, RequantiseLane
        own_zero, zero = layer.in_zero_point, layer.requant_zero_point
        used = {
            "zero_point": (lane.SHIFTED, own_zero, zero),
            "under": (lane.SHIFTED, layer.own_min - own_zero - 1, layer.act_min - zero - 1),
            "most": (lane.SHIFTED, layer.own_max - own_zero, layer.act_max - zero),
            "act_min": (lane.CLAMPED, layer.own_min, layer.act_min),
            "act_max": (lane.CLAMPED, layer.own_max, layer.act_max),
        }
        # Rounding hangs on it across the chip: one for each half. They begin with different values, since of
        # equal registers Yosys makes one.
        round_once = [Signal(name=f"round_once_{side}", init=side, reset_less=True) for side in range(2)]
        limits = [{"round_once": once} for once in round_once]
        after = (
            Parameters.LATENCY - 2
        )  # own[after + n] is that of the word whose z the lanes had n - 1 cycles ago
        with m.If(advance):
            rounds = layer.round_once & (own[after + lane.ROUNDED] | ~layer.fused)
            m.d.sync += [once.eq(rounds) for once in round_once]
        for name, (cycles, *values) in used.items():
            # Of a layer's own words and of the others.
            of_own, of_others, limit = (
                Signal.like(values[0], name=f"{name}{what}", reset_less=True)
                for what in ("_own", "_else", "")
            )
            m.d.sync += [of_own.eq(values[0]), of_others.eq(values[1])]
            with m.If(advance):
                m.d.sync += limit.eq(Mux(own[after + cycles], of_own, of_others))
            for side in limits:
                side[name] = limit
        return limits
