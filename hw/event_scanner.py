"""Finds the events in mask words, one a cycle, and reads their values."""

from __future__ import annotations

from amaranth.hdl import Assert, Const, Module, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import MASK_BITS, ArrayConfig

from .payloads import EVENT, EVENT_WORD
from .queue import Queue

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

    Latency ``LATENCY`` cycles, throughput one event a cycle, also from word to word.

    Ports:
        event_en, event_address, event_values: Writes a word of event values (never one that is being read).
    """

    LATENCY = 6

    event_en: Signal
    event_address: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._values = data.ArrayLayout(signed(9), config.drain)
        super().__init__(
            {
                "event_en": In(1),
                "event_address": In(16),
                "event_values": In(self._values),
                "i": In(stream.Signature(EVENT_WORD)),
                "o": Out(stream.Signature(EVENT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config
        drain_log2 = config.drain.bit_length() - 1

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

        # The word being scanned, and its lowest event.
        word = Signal(EVENT_WORD, reset_less=True)
        word_valid = Signal()
        rest = Signal(MASK_BITS)
        index = Signal(5)
        finished = Signal()
        m.d.comb += [
            rest.eq(word.bits & (word.bits - 1)),
            finished.eq(~_several(word.bits)[1]),
            queue.o.ready.eq(~word_valid | (advance & finished)),
        ]
        for bit in reversed(range(MASK_BITS)):
            with m.If(word.bits[bit]):
                m.d.comb += index.eq(bit)
        with m.If(queue.o.ready):
            m.d.sync += [word_valid.eq(queue.o.valid), word.eq(queue.o.p)]
        with m.Elif(advance):
            m.d.sync += word.bits.eq(rest)

        # Stage 1: index and addresses; stage 2: the value's memory word; stage 3: the value.
        stages = [Signal(EVENT, name=f"event_{n}", reset_less=True) for n in range(3)]
        valid = [Signal(name=f"valid_{n}") for n in range(3)]
        element = Signal(5, reset_less=True)
        block = Signal(16, reset_less=True)
        lane = Signal(max(1, drain_log2), reset_less=True)
        m.d.comb += [
            read.addr.eq((block << (5 - drain_log2)) + (element >> drain_log2)),
            read.en.eq(advance),
            Assert(~(write.en & read.en & valid[0] & ~stages[0].null & (write.addr == read.addr))),
            self.o.p.eq(stages[2]),
            self.o.valid.eq(valid[2]),
        ]
        with m.If(advance):
            m.d.sync += [
                valid[0].eq(word_valid),
                valid[1].eq(valid[0]),
                valid[2].eq(valid[1]),
                stages[0].weight.eq(word.weight),
                stages[0].final.eq(word.final),
                stages[0].null.eq(word.null),
                stages[0].last.eq(word.last & finished),
                element.eq(index),
                block.eq(word.block),
                stages[1].eq(stages[0]),
                stages[1].weight.eq(stages[0].weight + element),
                lane.eq(element[:drain_log2]),
                stages[2].eq(stages[1]),
            ]
            with m.If(stages[1].null):
                m.d.sync += stages[2].value.eq(0)
            with m.Else():
                m.d.sync += stages[2].value.eq(read.data[lane] if drain_log2 else read.data[0])
        return m
