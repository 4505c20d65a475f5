"""Finds the events of one group of elements in the mask words asked for, one a cycle, and reads them."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS, MAX_BANKS, ArrayConfig

from .block_ram import BlockRam
from .distant_queue import DistantQueue
from .payloads import LEFT_BITS, PIXEL_BITS, PLACE_BITS, REQUEST, event
from .queue import Queue
from .signatures import LayerSignature

QUEUE_DEPTH = 17
"""Words with events that may wait, and events: a LUT RAM's rows and the register behind them."""

FETCH_STAGES = 3
"""Cycles from a request to its word's place in the queue."""

READ_STAGES = 4
"""Cycles from the scan of an event to its place in the queue."""


def _several(bits: Value) -> Value:
    """Whether two bits or more are set: in either half, or in both."""
    if len(bits) == 1:
        return Const(0, 1)
    low, high = bits[: len(bits) // 2], bits[len(bits) // 2 :]
    return _several(low) | _several(high) | (low.any() & high.any())


class EventScanner(wiring.Component):
    """Keeps the masks and the event values of a group and answers requests, in their order.

    In a convolution each set bit is an event, element by element of a column and column by column. In a
    depthwise layer each column with a set bit is one, with all values of the group. Events left of the strip
    have no tap and are dropped. A request with ``end`` gives a mark behind its events.

    Throughput: a request without events a cycle, and at the same time an event or mark a cycle, also from
    word to word: both sides have a queue, so that the scanners of other groups may be some words behind.
    Latency ``LATENCY`` cycles. Nothing between the queues stalls: what would not find room is not started.

    Ports:
        busy: A request or an event is inside.
        mask_en, mask_address, mask_bits: Writes the group's part of a mask word (never one that is being
            read): column c in bits c * group and up. ``mask_en`` has a bit for each 8 of them.
        event_en, event_address, event_values: Writes the group's part of a word of event values (never one
            that is being read). A value that is no event is 0.
        i: Requests. ``ready`` is a register; soon_ready: what it holds two cycles later.
        o: Events and marks.
    """

    LATENCY = FETCH_STAGES + 1 + READ_STAGES + 2 * Queue.LATENCY

    layer: wiring.PureInterface
    busy: Signal
    mask_en: Signal
    mask_address: Signal
    mask_bits: Signal
    event_en: Signal
    event_address: Signal
    event_values: data.View[data.ArrayLayout]
    i: stream.Interface
    soon_ready: Signal
    o: stream.Interface

    def __init__(self, config: ArrayConfig, group: int) -> None:
        self._config = config
        self._group = group
        self._size = config.group
        self._values = data.ArrayLayout(signed(9), config.group)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "busy": Out(1),
                "mask_en": In(config.group),
                "mask_address": In(ADDRESS_BITS),
                "mask_bits": In(MASK_COLUMNS * config.group),
                "event_en": In(1),
                "event_address": In(ADDRESS_BITS),
                "event_values": In(self._values),
                "i": In(stream.Signature(REQUEST)),
                "soon_ready": Out(1),
                "o": Out(stream.Signature(event(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        size = self._size
        words = data.StructLayout(
            {
                "bits": MASK_COLUMNS * size,
                "scan": MASK_COLUMNS * size + 1,  # a bit for each event, the last one for the mark
                "several": 1,  # of these
                "events": ADDRESS_BITS,
                "weight": ADDRESS_BITS,
                "tap": 7,
                "place": signed(PLACE_BITS),
                "first": PIXEL_BITS,
                "complete": PIXEL_BITS,
                "final": 1,
            }
        )
        sizes = (words, QUEUE_DEPTH, FETCH_STAGES + 3), (event(self._config), QUEUE_DEPTH, READ_STAGES + 2)
        if self._config.banks > 1:
            # Walker and router are far from each one's memories; the router looks at all before it takes.
            found, given = DistantQueue(*sizes[0]), DistantQueue(*sizes[1], late=True)
        else:
            found, given = (Queue(*size) for size in sizes)
        m.submodules.words, m.submodules.events = found, given
        wiring.connect(m, given.o, wiring.flipped(self.o))

        fetching = self._fetch(m, found)
        word = Signal(words, reset_less=True)
        scanning, lowest = self._scan(m, found, word, given)
        reading = self._read(m, word, scanning & given.room, lowest, given)
        m.d.comb += [
            self.busy.eq(found.busy | given.busy | scanning | Cat(fetching, reading).any()),
            Assert(~found.i.valid | found.i.ready),
            Assert(~given.i.valid | given.i.ready),
        ]
        return m

    def _fetch(self, m: Module, found: Queue) -> list[Signal]:
        """From requests to words with events, or with an end; which stages are occupied."""
        size = self._size
        m.submodules.masks = masks = Memory(
            shape=MASK_COLUMNS * size, depth=self._config.masks_words, init=[]
        )
        write, read = masks.write_port(granularity=8), masks.read_port()
        valid = [Signal(name=f"fetch_{n}") for n in range(FETCH_STAGES)]
        stages = [Signal(REQUEST, name=f"request_{n}", reset_less=True) for n in range(FETCH_STAGES)]
        m.d.comb += [
            write.addr.eq(self.mask_address),
            write.data.eq(self.mask_bits),
            write.en.eq(self.mask_en),
            read.addr.eq(self.i.p.address),
            read.en.eq(self.i.valid & self.i.ready),
            self.soon_ready.eq(found.next_room),
            Assert(~(write.en.any() & read.en & self.i.p.columns.any() & (write.addr == read.addr))),
        ]
        # From a register of its own: the walker's decisions hang on it.
        m.d.sync += [self.i.ready.eq(found.room), valid[0].eq(read.en), stages[0].eq(self.i.p)]
        m.d.sync += [valid[n].eq(valid[n - 1]) for n in range(1, FETCH_STAGES)]
        m.d.sync += [stages[n].eq(stages[n - 1]) for n in range(1, FETCH_STAGES)]

        # Stage 1: the word arrives, late in the cycle; stage 2: what of it was asked for, events and mark.
        arrived, bits = (Signal(MASK_COLUMNS * size, name=f"bits_{n}", reset_less=True) for n in (1, 2))
        scan = Signal(MASK_COLUMNS * size + 1, reset_less=True)
        some = Signal(reset_less=True)
        asked = arrived & Cat(column.replicate(size) for column in stages[1].columns)
        columns = Cat(
            column.any() if element == 0 else Const(0, 1)
            for column in (asked.word_select(n, size) for n in range(MASK_COLUMNS))
            for element in range(size)
        )
        m.d.sync += [
            arrived.eq(read.data),
            bits.eq(asked),
            scan.eq(Cat(Mux(self.layer.depthwise, columns, asked), stages[1].end)),
            some.eq(asked.any() | stages[1].end),
        ]
        m.d.comb += [
            found.i.valid.eq(valid[-1] & some),
            found.i.p.bits.eq(bits),
            found.i.p.scan.eq(scan),
            found.i.p.several.eq(_several(scan)),
        ]
        for name in ("events", "weight", "tap", "place", "first", "complete", "final"):
            m.d.comb += found.i.p[name].eq(stages[-1][name])
        return valid

    def _scan(
        self, m: Module, found: Queue, word: data.View[data.StructLayout], given: Queue
    ) -> tuple[Signal, Value]:
        """Takes a word into ``word`` and goes through it: whether there is one, and its next event's bit."""
        scanning, go = Signal(), given.room
        # What is left, the same without its lowest bit, and whether that is anything: all in registers, since
        # they steer many.
        left, rest = (Signal(len(word.scan), name=name, reset_less=True) for name in ("left", "rest"))
        more = Signal(reset_less=True)
        ready = Signal(init=1)
        following, several = Signal(), Signal()  # what ``scanning`` and ``more`` are in the next cycle
        m.d.comb += [
            found.o.ready.eq(ready),
            following.eq(Mux(ready, found.o.valid, scanning)),
            several.eq(Mux(ready, found.o.p.several, Mux(go, _several(rest), more))),
            Assert(ready == (~scanning | (go & ~more)), "a word is taken behind the last one's events"),
        ]
        m.d.sync += [
            scanning.eq(following),
            more.eq(several),
            ready.eq(~following | (given.next_room & ~several)),
        ]
        with m.If(ready):
            new = found.o.p.scan
            m.d.sync += [word.eq(found.o.p), left.eq(new), rest.eq(new & (new - 1))]
        with m.Elif(go):
            m.d.sync += [left.eq(rest), rest.eq(rest & (rest - 1))]
        return scanning, left & ~rest

    def _read(
        self, m: Module, word: data.View[data.StructLayout], start: Value, lowest: Value, given: Queue
    ) -> list[Signal]:
        """From an event's bit to the event; which stages are occupied."""
        layer, size = self.layer, self._size
        size_log2 = size.bit_length() - 1
        m.submodules.values = memory = BlockRam(self._config.events_words, self._values.size)
        valid = [Signal(name=f"read_{n}") for n in range(READ_STAGES)]
        stages = [Signal(event(self._config), name=f"event_{n}", reset_less=True) for n in range(READ_STAGES)]

        # Stage 1: which element it is.
        index = Signal(range(MASK_COLUMNS * size), reset_less=True)
        bits = Signal(MASK_COLUMNS * size, reset_less=True)
        events = Signal(ADDRESS_BITS, reset_less=True)
        number = Cat(
            Cat(lowest[n] for n in range(MASK_COLUMNS * size) if n >> bit & 1).any()
            for bit in range(len(index))
        )
        # Adders are far from what finds the bit: of what it adds each has a register of its own.
        further, below = Signal(range(MASK_COLUMNS), reset_less=True), Signal(ADDRESS_BITS, reset_less=True)
        share = Const(self._group, range(MAX_BANKS)) >> layer.share_log2  # groups before it of its class
        m.d.sync += [
            valid[0].eq(start),
            index.eq(number),
            further.eq(number[size_log2:] >> layer.stride_log2),
            below.eq(Mux(layer.depthwise, 0, Cat(number[:size_log2], share))),
            bits.eq(word.bits),
            events.eq(word.events),
        ]
        places = [Signal(signed(PLACE_BITS), name=f"place_{n}", reset_less=True) for n in range(2)]
        firsts = [Signal(PIXEL_BITS, name=f"first_{n}", reset_less=True) for n in range(2)]
        m.d.sync += [stages[0].mark.eq(lowest[-1]), places[0].eq(word.place), firsts[0].eq(word.first)]
        for name in ("weight", "tap", "complete", "final"):
            m.d.sync += stages[0][name].eq(word[name])

        # Stage 2: where its value lies, its weight and its place, or none.
        element, column = index[:size_log2], index[size_log2:]
        address = Signal(ADDRESS_BITS, reset_less=True)
        place = places[0] + further
        count = sum((bit for bit in bits.word_select(column, size)), Const(0))
        m.d.sync += [
            valid[1].eq(valid[0] & (stages[0].mark | (place >= 0))),
            stages[1].eq(stages[0]),
            places[1].eq(place),
            firsts[1].eq(firsts[0]),
            stages[1].weight.eq(stages[0].weight + below),
            stages[1].count.eq(Mux(layer.depthwise, count, 1)),
            address.eq(events + column),
        ]

        # Stages 3 and 4: its memory word; its pixel.
        elements = [Signal(size_log2, name=f"element_{n}", reset_less=True) for n in range(3)]
        values = self._values(memory.read_data)
        m.d.comb += [
            memory.write_address.eq(self.event_address),
            memory.write_data.eq(self.event_values),
            memory.write_en.eq(self.event_en),
            memory.read_address.eq(address),
            memory.read_en.eq(valid[1] & ~stages[1].mark),
            memory.out_en.eq(1),
            Assert(~(memory.write_en & memory.read_en & (memory.write_address == memory.read_address))),
        ]
        m.d.sync += [after.eq(before) for before, after in pairwise([element, *elements])]
        m.d.sync += [valid[n].eq(valid[n - 1]) for n in (2, 3)]
        m.d.sync += [
            *(stages[n].eq(stages[n - 1]) for n in (2, 3)),
            stages[2].pixel.eq(firsts[1] + places[1]),
            stages[2].left.eq(places[1][:LEFT_BITS] | places[1][LEFT_BITS:].any().replicate(LEFT_BITS)),
        ]
        m.d.comb += [given.i.valid.eq(valid[3]), given.i.p.eq(stages[3])]
        for n in range(size):
            chosen = values[n] if size == 1 else Mux(layer.depthwise, values[n], values[elements[2]])
            m.d.comb += given.i.p.values[n].eq(chosen)
        return valid
