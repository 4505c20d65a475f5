"""Reads the codes of a window, or of a pixel of two tensors, word by word."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Op

from .payloads import PLACE, table_word
from .queue import Queue
from .signatures import LayerSignature
from .window_walker import WINDOW

READS = 8
"""Reads that may wait for their turn at the memory."""

MARGIN = 2
"""Reads that may still come when it is seen that they fill up the queue."""


def window_word(config: ArrayConfig) -> data.StructLayout:
    """A word of codes out of a window, with what becomes of it.

    ``word`` is the output word that it belongs to, with the codes read; its ``valid`` is that of an output
    pixel's last word if ``ready``. ``first`` (not of a CONCAT) and ``ready`` mark the first and the last word
    read for an output word; ``second`` one of the second tensor of an ADD or CONCAT.
    """
    return data.StructLayout({"word": table_word(config), "first": 1, "ready": 1, "second": 1})


class WindowReader(wiring.Component):
    """For each window the words of its pixels inside the image, in the order in which they are needed.

    POOL and ADD: for each word of an output pixel row by row, pixel by pixel (an ADD's rows are its tensors).
    CONCAT: all words of the pixel of the first tensor, then of the second. Each of them completes an output
    word but for the first tensor's last one, if that is not full; where the second's last one leaves channels
    over that need an output word of their own, a word follows that is not read and has nothing new. A window
    without a pixel inside gives one word of zero points for each output word.

    One word a cycle that ``read_grant`` allows (those that are not read need none), while there is room;
    no cycle is lost between windows. ``read_data`` is expected two cycles after a granted read. Latency
    ``READ_LATENCY`` cycles from a window to its first read, ``LATENCY`` from a read to its word. Words cannot
    wait, but each of them is promised before.

    Ports:
        layer: Constant from four cycles before the first window on.
        busy: High from the cycle after a window was taken until its last output word was promised.
        next_room: In the next cycle there is room: an output word may be promised.
        valid, o: Words; next_valid: in the next cycle there is one.
        promised, place: Pulse, only while there is room: an output word will come, and that is its place.
    """

    READ_LATENCY = 1 + Queue.LATENCY
    LATENCY = 3

    busy: Signal
    read_address: Signal
    read_en: Signal
    read_grant: Signal
    valid: Signal
    next_valid: Signal
    i: stream.Interface
    next_room: Signal
    promised: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._codes = data.ArrayLayout(signed(8), config.drain)
        self._read = data.StructLayout(
            {
                "address": ADDRESS_BITS,
                "hollow": 1,  # zero points, not read
                "row": 16,
                "offset": ADDRESS_BITS,
                "last": 1,  # of the output pixel's last word, if ``ready``
                "first": 1,
                "ready": 1,
                "second": 1,
            }
        )
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(WINDOW)),
                "next_room": In(1),
                "promised": Out(1),
                "place": Out(PLACE),
                "read_address": Out(ADDRESS_BITS),
                "read_en": Out(1),
                "read_grant": In(1),
                "read_data": In(self._codes),
                "busy": Out(1),
                "valid": Out(1),
                "next_valid": Out(1),
                "o": Out(window_word(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reads = reads = Queue(self._read, READS, MARGIN)
        self._plan(m, reads)
        self._fetch(m, reads)
        return m

    def _plan(self, m: Module, reads: Queue) -> None:
        """Make reads of windows."""
        config, layer, window, read = self._config, self.layer, self.i.p, reads.i.p
        numbers = range(config.pixel_words)

        # Of the layer, in registers since much hangs on them.
        joins, waits, rest = Signal(), Signal(), Signal()
        beside = Signal(range(config.drain))  # channels of the first tensor in a word with the second's
        last_words, single_words = (  # channel words less 1, and whether that is 0, of either tensor
            [Signal(shape, name=f"{name}_{n}") for n in range(2)]
            for name, shape in (("last_word", numbers), ("single_word", 1))
        )
        m.d.sync += [
            joins.eq(layer.op == Op.CONCAT),
            beside.eq(layer.in_valid),
            waits.eq(joins & (beside != 0)),  # the first tensor's last word completes none
            rest.eq(beside + layer.second_valid > config.drain),  # the second's leaves channels over
            last_words[0].eq(layer.in_words - 1),
            last_words[1].eq(layer.second_words - ~rest),
            *(single.eq(last == 0) for single, last in zip(single_words, last_words, strict=True)),
        ]

        # The window at hand.
        second, hollow = Signal(reset_less=True), Signal(reset_less=True)
        width, height = Signal(6, reset_less=True), Signal(6, reset_less=True)  # less 1
        narrow, flat = Signal(reset_less=True), Signal(reset_less=True)  # whether these are 0
        pixel = Signal(PLACE, reset_less=True)

        # What is left of row, word and window behind this read, and whether it is nothing.
        columns, rows = (Signal(6, name=name, reset_less=True) for name in ("columns", "rows"))
        words = Signal(numbers, reset_less=True)
        row_end, last_row, last_word, window_end = (
            Signal(name=f"end_{n}", reset_less=True) for n in range(4)
        )
        # Where the read is, where its row and its word begin in the window, and where the output word lies.
        at, row_at, word_at, offset = (
            Signal(ADDRESS_BITS, name=name, reset_less=True) for name in ("at", "row_at", "word_at", "offset")
        )
        row = Signal(16, reset_less=True)
        first, begun = Signal(reset_less=True), Signal(reset_less=True)  # ``begun``: the output pixel

        # There is room, and a place for a read: in one register, since reader and walker hang on it.
        go = Signal()
        m.d.sync += go.eq(reads.next_room & self.next_room)
        over, step, take = Signal(), Signal(), Signal()
        word_end, complete = Signal(), Signal()
        m.d.comb += [
            step.eq(self.busy & go),
            word_end.eq(row_end & last_row),
            complete.eq(word_end & ~(waits & last_word & ~second)),
            over.eq(~self.busy | window_end),
            self.i.ready.eq(over & (go | ~self.busy)),
            take.eq(self.i.ready & self.i.valid),
            self.promised.eq(step & complete),
            self.place.eq(pixel),
            self.place.first.eq(~begun),
            self.place.last.eq(window_end & (second | ~joins)),
            reads.i.valid.eq(step),
            read.address.eq(at),
            read.hollow.eq(hollow | (joins & second & last_word & rest)),
            read.row.eq(row),
            read.offset.eq(offset),
            read.last.eq(self.place.last),
            read.first.eq(first),
            read.ready.eq(complete),
            read.second.eq(Mux(joins, second, last_row)),
        ]
        m.d.sync += Assert(~reads.i.valid | reads.i.ready)
        next_row_end = Mux(row_end, narrow, columns == 1)
        next_last_row = Mux(row_end, Mux(last_row, flat, rows == 1), last_row)
        next_last_word = Mux(word_end, words == 1, last_word)
        with m.If(step):
            m.d.sync += [
                columns.eq(Mux(row_end, width, columns - 1)),
                row_end.eq(next_row_end),
                last_row.eq(next_last_row),
                last_word.eq(next_last_word),
                window_end.eq(next_row_end & next_last_row & next_last_word),
                first.eq(word_end),
                begun.eq(begun | complete),
            ]
        with m.If(step & row_end):
            m.d.sync += rows.eq(Mux(last_row, height, rows - 1))
        with m.If(step & word_end):
            m.d.sync += words.eq(words - 1)
        with m.If(step & complete):
            m.d.sync += [row.eq(row + 1), offset.eq(offset + layer.out_width)]
        following = Signal(ADDRESS_BITS)
        m.d.comb += following.eq(
            Mux(row_end, Mux(last_row, word_at + layer.in_width, row_at + layer.code_step), at + 1)
        )
        begin = Mux(over, window.source, following)
        with m.If(step | take):
            m.d.sync += at.eq(begin)
        with m.If((step & row_end) | take):
            m.d.sync += row_at.eq(begin)
        with m.If((step & word_end) | take):
            m.d.sync += word_at.eq(begin)

        with m.If(self.i.ready):
            m.d.sync += self.busy.eq(self.i.valid)
        single = Mux(window.second, single_words[1], single_words[0])
        with m.If(take):
            m.d.sync += [
                hollow.eq(window.hollow),
                second.eq(window.second),
                *(register.eq(window.last_column) for register in (columns, width)),
                *(register.eq(window.last_row) for register in (rows, height)),
                *(register.eq(window.narrow) for register in (row_end, narrow)),
                *(register.eq(window.flat) for register in (last_row, flat)),
                words.eq(Mux(window.second, last_words[1], last_words[0])),
                last_word.eq(single),
                window_end.eq(window.narrow & window.flat & single),
                first.eq(1),
            ]
            with m.If(~window.second):
                m.d.sync += [
                    pixel.eq(window.place),
                    row.eq(layer.params),
                    offset.eq(window.offset),
                    begun.eq(0),
                ]

    def _fetch(self, m: Module, reads: Queue) -> None:
        """Do the reads of the queue and give their words."""
        config, layer, wanted = self._config, self.layer, reads.o.p
        partial = Signal(config.drain)
        m.d.comb += [
            self.read_address.eq(wanted.address),
            self.read_en.eq(reads.o.valid & ~wanted.hollow),
            reads.o.ready.eq(wanted.hollow | self.read_grant),
        ]
        # Data arrives in stage 2; stage 3: the word.
        asked = [Signal(self._read, name=f"asked_{n}", reset_less=True) for n in range(2)]
        valid = [Signal(name=f"asked_valid_{n}") for n in range(2)]
        m.d.comb += self.next_valid.eq(valid[1])
        m.d.sync += [
            partial.eq(Cat(layer.out_valid > d for d in range(config.drain))),
            valid[0].eq(reads.o.valid & reads.o.ready),
            asked[0].eq(wanted),
            valid[1].eq(valid[0]),
            asked[1].eq(asked[0]),
            self.valid.eq(valid[1]),
            self.o.word.valid.eq(Mux(asked[1].last, partial, (1 << config.drain) - 1)),
        ]
        for target, names in ((self.o.word, ("row", "offset")), (self.o, ("first", "ready", "second"))):
            m.d.sync += [target[name].eq(asked[1][name]) for name in names]
        for d in range(config.drain):
            m.d.sync += self.o.word.codes[d].eq(Mux(asked[1].hollow, layer.out_zero_point, self.read_data[d]))
