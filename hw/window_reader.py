"""Reads the codes of a window, or of a pixel of two tensors, word by word."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Op

from .payloads import PLACE, placed, table_word
from .queue import Queue
from .signatures import LayerSignature
from .window_walker import WINDOW

READS = 4
"""Reads that may wait for their turn at the memory."""


def window_word(config: ArrayConfig) -> data.StructLayout:
    """A word of codes out of a window, with what becomes of it.

    ``output`` is the output word that it belongs to, with the codes read (CONCAT: the pixel's first one,
    but ``valid`` and ``place.last`` are the last one's if ``ready``). ``first`` and ``ready`` mark the first
    and the last word read for an output word (CONCAT: for a pixel); ``second`` one of the second row, which
    is the second tensor of an ADD; ``count`` the channels in it (CONCAT).
    """
    return data.StructLayout(
        {
            "output": placed(table_word(config)),
            "first": 1,
            "ready": 1,
            "second": 1,
            "count": range(config.drain + 1),
        }
    )


class WindowReader(wiring.Component):
    """For each window the words of its pixels inside the image, in the order in which they are needed.

    POOL and ADD: for each word of an output pixel row by row, pixel by pixel (an ADD's rows are its tensors).
    CONCAT: all words of the pixel of the first tensor, then of the second; then, where the last one leaves
    channels over that need an output word of their own, a word with a ``count`` of 0, which is not read. A
    window without a pixel inside gives one word of zero points for each output word.

    One word a cycle that ``read_grant`` allows (those that are not read need none), while there is ``room``;
    no cycle is lost between windows. ``read_data`` is expected two cycles after a granted read. Latency
    ``READ_LATENCY`` cycles from a window to its first read, ``LATENCY`` from a read to its word. ``o`` cannot
    be stalled: a word may come ``LATENCY`` cycles after ``room`` was high.

    Ports:
        layer: Constant from two cycles before the first window on.
        busy: A window has come or something of one is under way.
    """

    READ_LATENCY = 1 + Queue.LATENCY
    LATENCY = 2

    busy: Signal
    room: Signal
    read_address: Signal
    read_en: Signal
    read_grant: Signal
    valid: Signal
    i: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._codes = data.ArrayLayout(signed(8), config.drain)
        self._read = data.StructLayout(
            {
                "address": ADDRESS_BITS,
                "hollow": 1,  # zero points, not read
                "row": 16,
                "offset": ADDRESS_BITS,
                "place": PLACE,
                "first": 1,
                "ready": 1,
                "second": 1,
                "count": range(config.drain + 1),
            }
        )
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(WINDOW)),
                "room": In(1),
                "read_address": Out(ADDRESS_BITS),
                "read_en": Out(1),
                "read_grant": In(1),
                "read_data": In(self._codes),
                "busy": Out(1),
                "valid": Out(1),
                "o": Out(window_word(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reads = reads = Queue(self._read, READS)
        planned = self._plan(m, reads)
        fetched = self._fetch(m, reads)
        m.d.comb += self.busy.eq(self.i.valid | planned | reads.busy | fetched)
        return m

    def _plan(self, m: Module, reads: Queue) -> Signal:
        """Make reads of windows; returns whether one is on its way to the queue."""
        config, layer, window = self._config, self.layer, self.i.p
        numbers = range(config.pixel_words)

        # Of the layer, in registers since much hangs on them.
        joins, rest = Signal(), Signal()
        step = Signal(ADDRESS_BITS)  # words from one read to the next in a row
        last_word, last_first, last_second = (
            Signal(numbers, name=name) for name in ("last_word", "last_first", "last_second")
        )
        beside = layer.in_valid[: (config.drain - 1).bit_length()]  # channels in front of the last word's
        m.d.sync += [
            joins.eq(layer.op == Op.CONCAT),
            rest.eq(beside + layer.second_valid > config.drain),
            step.eq(Mux(layer.op == Op.CONCAT, layer.in_width, 1)),
            last_word.eq(Mux(layer.op == Op.CONCAT, 0, layer.in_words - 1)),
            last_first.eq(layer.in_words - 1),
            last_second.eq(layer.second_words - 1),
        ]

        # Where in the window the next read is; addresses count from the window's first.
        word = Signal(numbers)
        row = Signal(6)
        column = Signal(max(6, (config.pixel_words - 1).bit_length()))
        first = Signal(init=1)
        at, row_at, word_at, word_offset = (
            Signal(ADDRESS_BITS, name=name) for name in ("at", "row_at", "word_at", "word_offset")
        )
        last_column, last_row, channels = Signal.like(column), Signal.like(row), Signal(6)
        m.d.comb += [last_column.eq(window.last_column), last_row.eq(window.last_row)]
        with m.If(joins):
            m.d.comb += last_row.eq(1 + rest)
            with m.Switch(row):
                with m.Case(0):
                    m.d.comb += [last_column.eq(last_first), channels.eq(layer.in_valid)]
                with m.Case(1):
                    m.d.comb += [last_column.eq(last_second), channels.eq(layer.second_valid)]
                with m.Default():
                    m.d.comb += [last_column.eq(0), channels.eq(0)]
        row_end, window_end, pixel_end = Signal(), Signal(), Signal()
        taken, advance = Signal(), Signal()
        m.d.comb += [
            row_end.eq(column == last_column),
            window_end.eq(row_end & (row == last_row)),
            pixel_end.eq(window_end & (word == last_word)),
            taken.eq(self.i.valid & advance),
            self.i.ready.eq(advance & pixel_end),
        ]
        next_row = Mux(joins, 0, row_at + layer.code_step)
        next_word = word_at + layer.in_width
        with m.If(taken):
            m.d.sync += [column.eq(column + 1), at.eq(at + step), first.eq(0)]
            with m.If(row_end):
                m.d.sync += [column.eq(0), row.eq(row + 1), at.eq(next_row), row_at.eq(next_row)]
            with m.If(window_end):
                m.d.sync += [first.eq(1), row.eq(0), word.eq(word + 1)]
                m.d.sync += [place.eq(next_word) for place in (at, row_at, word_at)]
                m.d.sync += word_offset.eq(word_offset + layer.out_width)
            with m.If(pixel_end):
                m.d.sync += [place.eq(0) for place in (word, at, row_at, word_at, word_offset)]

        read = Signal(self._read, reset_less=True)
        planned = Signal()
        m.d.comb += [
            advance.eq(~planned | reads.i.ready),
            reads.i.p.eq(read),
            reads.i.valid.eq(planned),
        ]
        with m.If(advance):
            m.d.sync += [
                planned.eq(self.i.valid),
                read.address.eq(Mux(joins & row[0], window.second, window.source) + at),
                read.hollow.eq(window.hollow | (joins & row[1])),
                read.row.eq(layer.params + word),
                read.offset.eq(window.offset + word_offset),
                read.place.eq(window.place),
                read.place.first.eq(word == 0),
                read.place.last.eq(pixel_end),
                read.first.eq(first),
                read.ready.eq(window_end),
                read.second.eq(row[0]),
                read.count.eq(Mux(row_end, channels, config.drain)),
            ]
        return planned

    def _fetch(self, m: Module, reads: Queue) -> Signal:
        """Do the reads of the queue and give their words; returns whether one is under way."""
        config, layer, wanted = self._config, self.layer, reads.o.p
        asked = Signal(self._read, reset_less=True)
        asked_valid = Signal()
        partial = Signal(config.drain)
        m.d.comb += [
            self.read_address.eq(wanted.address),
            self.read_en.eq(reads.o.valid & self.room & ~wanted.hollow),
            reads.o.ready.eq(self.room & (wanted.hollow | self.read_grant)),
        ]
        # Data arrives in stage 2.
        hollow = Signal(reset_less=True)
        m.d.sync += [
            partial.eq(Cat(layer.out_valid > d for d in range(config.drain))),
            asked_valid.eq(reads.o.valid & reads.o.ready),
            asked.eq(wanted),
            self.valid.eq(asked_valid),
            hollow.eq(asked.hollow),
            self.o.output.place.eq(asked.place),
            self.o.output.word.valid.eq(Mux(asked.place.last, partial, (1 << config.drain) - 1)),
        ]
        m.d.sync += [self.o.output.word[name].eq(asked[name]) for name in ("row", "offset")]
        m.d.sync += [self.o[name].eq(asked[name]) for name in ("first", "ready", "second", "count")]
        for d in range(config.drain):
            m.d.comb += self.o.output.word.codes[d].eq(Mux(hollow, layer.out_zero_point, self.read_data[d]))
        return asked_valid | self.valid
