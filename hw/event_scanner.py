"""Finds the events in mask words, one a cycle, and reads their values."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_BITS, ArrayConfig

from .payloads import EVENT_WORD, event
from .queue import Queue
from .signatures import LayerSignature

QUEUE_DEPTH = 16
"""Words of events that may wait: the walker runs ahead of the array by so many."""


def _several(bits: Value) -> tuple[Value, Value]:
    """Whether any of ``bits`` is set, and whether more than one is: a tree, since it steers the queue."""
    if len(bits) == 1:
        return bits[0], Const(0, 1)
    low, high = _several(bits[: len(bits) // 2]), _several(bits[len(bits) // 2 :])
    return low[0] | high[0], low[1] | high[1] | (low[0] & high[0])


class EventScanner(wiring.Component):
    """Gives the events of each word from its lowest element up.

    In a depthwise layer the lanes stand for channels, so an event names those that it is for: at least one,
    for its channel has outputs in the pass. With multiplier 1 an event is a whole activation word, values
    beside it being 0 where they did not change.

    Latency ``LATENCY`` cycles, throughput one event a cycle, also from word to word.

    Ports:
        event_en, event_address, event_values: Writes a word of event values (never one that is being read).
            A value that is no event is 0.
    """

    LATENCY = 7

    event_en: Signal
    event_address: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._values = data.ArrayLayout(signed(9), config.drain)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "event_en": In(1),
                "event_address": In(ADDRESS_BITS),
                "event_values": In(self._values),
                "i": In(stream.Signature(EVENT_WORD)),
                "o": Out(stream.Signature(event(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        drain = config.drain
        drain_log2 = drain.bit_length() - 1

        m.submodules.queue = queue = Queue(EVENT_WORD, QUEUE_DEPTH)
        wiring.connect(m, wiring.flipped(self.i), queue.i)

        m.submodules.events = events = Memory(shape=self._values, depth=config.events_words, init=[])
        write, read = events.write_port(), events.read_port()
        m.d.comb += [
            write.addr.eq(self.event_address),
            write.data.eq(self.event_values),
            write.en.eq(self.event_en),
        ]

        advance = Signal()
        m.d.comb += advance.eq(~self.o.valid | self.o.ready)

        # What the events are: elements, or activation words, each standing for the first element in it.
        by_word = Signal()
        m.d.sync += by_word.eq(layer.depthwise & (layer.multiplier == 1))
        whole_words = Cat(
            queue.o.p.bits.word_select(n, drain).any() if k == 0 else Const(0, 1)
            for n in range(MASK_BITS // drain)
            for k in range(drain)
        )

        # The word being scanned, what of it is left to scan, and the lowest event of that.
        word = Signal(EVENT_WORD, reset_less=True)
        word_valid = Signal()
        left = Signal(MASK_BITS)
        index = Signal(5)
        finished = Signal()
        m.d.comb += [
            finished.eq(~_several(left)[1]),
            queue.o.ready.eq(~word_valid | (advance & finished)),
        ]
        for bit in reversed(range(MASK_BITS)):
            with m.If(left[bit]):
                m.d.comb += index.eq(bit)
        with m.If(queue.o.ready):
            m.d.sync += [
                word_valid.eq(queue.o.valid),
                word.eq(queue.o.p),
                left.eq(Mux(by_word, whole_words, queue.o.p.bits)),
            ]
        with m.Elif(advance):
            m.d.sync += left.eq(left & (left - 1))

        # Stage 1: index and addresses; stage 2: the value's memory word; stage 3: in a register, since block
        # RAM is late in the cycle, with the lanes; stage 4: the values.
        payload = event(config)
        stages = [Signal(payload, name=f"event_{n}", reset_less=True) for n in range(4)]
        valid = [Signal(name=f"valid_{n}") for n in range(4)]
        element = Signal(5, reset_less=True)
        block = Signal(18, reset_less=True)
        bits = Signal(MASK_BITS, reset_less=True)
        channel = [Signal(signed(8), name=f"channel_{n}", reset_less=True) for n in range(2)]
        rest = Signal(3, reset_less=True)
        places = [Signal(max(1, drain_log2), name=f"place_{n}", reset_less=True) for n in range(2)]
        lane = Signal(signed(12), reset_less=True)  # first lane of the channel, perhaps in the pass before
        values = Signal(self._values, reset_less=True)
        m.d.comb += [
            read.addr.eq((block << (5 - drain_log2)) + (element >> drain_log2)),
            read.en.eq(advance),
            Assert(~(write.en & read.en & valid[0] & ~stages[0].null & (write.addr == read.addr))),
            self.o.p.eq(stages[3]),
            self.o.valid.eq(valid[3]),
        ]
        with m.If(advance):
            m.d.sync += [
                valid[0].eq(word_valid),
                stages[0].weight.eq(word.weight),
                stages[0].final.eq(word.final),
                stages[0].null.eq(word.null),
                stages[0].last.eq(word.last & finished),
                element.eq(index),
                block.eq(word.block),
                bits.eq(word.bits),
                channel[0].eq(word.channel),
                rest.eq(word.rest),
            ]
            for n in range(1, 4):
                m.d.sync += [valid[n].eq(valid[n - 1]), stages[n].eq(stages[n - 1])]
            m.d.sync += [
                places[0].eq(element[:drain_log2]),
                places[1].eq(places[0]),
                values.eq(read.data),
                stages[1].weight.eq(stages[0].weight + Mux(layer.depthwise, 0, element)),
            ]
            for d in range(drain):
                chosen = values[d] if drain == 1 else Mux(by_word, values[d], values[places[1]])
                m.d.sync += stages[3].values[d].eq(Mux(stages[2].null, 0, chosen))
            self._lanes(m, stages, element, bits, channel, rest, lane, by_word)
        return m

    def _lanes(
        self,
        m: Module,
        stages: list[data.View[data.StructLayout]],
        element: Signal,
        bits: Signal,
        channel: list[Signal],
        rest: Signal,
        lane: Signal,
        by_word: Signal,
    ) -> None:
        """Which lanes an event is for, and how many multiplications that is: in stages 2 and 3."""
        config, layer = self._config, self.layer
        drain, lanes = config.drain, config.total_lanes
        number = channel[0] + element  # of the channel within the pass
        # By adders: a multiplier would take a block of its own.
        times = sum(
            (Mux(layer.multiplier[bit], number.shift_left(bit), 0) for bit in range(4)), Const(0, signed(12))
        )
        width = Signal(4, reset_less=True)
        count = Signal(range(drain + 1), reset_less=True)
        m.d.sync += [
            lane.eq(times - rest),
            width.eq(Mux(by_word, drain, layer.multiplier)),
            count.eq(sum(bits.word_select(element >> (drain.bit_length() - 1), drain))),
        ]
        first, last = Signal(signed(13)), Signal(signed(13))
        m.d.comb += [
            first.eq(Mux(lane < 0, 0, lane)),
            last.eq(Mux(lane + width > lanes, lanes - 1, lane + width - 1)),
        ]
        m.d.sync += Assert(~self.o.valid | stages[3].null | (stages[3].first_lane <= stages[3].last_lane))
        with m.If(layer.depthwise):
            m.d.sync += [
                stages[2].first_lane.eq(first),
                stages[2].last_lane.eq(last),
                stages[2].macs.eq(Mux(by_word, count, last - first + 1)),
            ]
        with m.Else():
            m.d.sync += [stages[2].first_lane.eq(0), stages[2].last_lane.eq(lanes - 1)]
