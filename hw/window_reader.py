"""Reads the codes of a window, or of a pixel of two tensors, word by word."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Op

from .payloads import TAG, table_word
from .signatures import LayerSignature

PLACES = 8
"""Output words that may be under way or waiting."""


def window_word(config: ArrayConfig) -> data.StructLayout:
    """A word of codes out of a window, with what becomes of it.

    ``word`` is the output word that it belongs to, its ``codes`` being those read (CONCAT: ``offset`` is the
    pixel's first). ``first`` and ``ready`` mark the first and the last word read for an output word (CONCAT:
    for a pixel); ``second`` one of the second row, which is the second tensor of an ADD; ``count`` the
    channels in it (CONCAT).
    """
    return data.StructLayout(
        {"word": table_word(config), "first": 1, "ready": 1, "second": 1, "count": range(config.drain + 1)}
    )


class WindowReader(wiring.Component):
    """For each tag, the words of the window's pixels inside the image, in the order in which they are needed.

    POOL and ADD: for each word of an output pixel row by row, pixel by pixel (an ADD's rows are its tensors).
    CONCAT: all words of the pixel of the first tensor, then of the second. A window without a pixel inside
    gives one word of zero points for each output word.

    One word is read a cycle that ``read_grant`` allows; a tag takes one cycle more. ``read_data`` is expected
    in the cycle after a granted read. ``o`` cannot be stalled: room for the output is reserved when a
    window's last word is read (CONCAT: with every word).
    Latency ``LATENCY`` cycles from a read to its word.

    Ports:
        taken, dropped: An output word has left; a reserved place is not needed. extra: one more is.
    """

    LATENCY = 2

    read_address: Signal
    read_en: Signal
    read_grant: Signal
    taken: Signal
    dropped: Signal
    extra: Signal
    valid: Signal
    tags: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._codes = data.ArrayLayout(signed(8), config.drain)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "tags": In(stream.Signature(TAG)),
                "read_address": Out(ADDRESS_BITS),
                "read_en": Out(1),
                "read_grant": In(1),
                "read_data": In(self._codes),
                "taken": In(1),
                "dropped": In(1),
                "extra": In(1),
                "valid": Out(1),
                "o": Out(window_word(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        joins = layer.op == Op.CONCAT
        layer_step = Mux(joins, 1, layer.in_words)
        # Of the layer, taken with each tag: registers, since much hangs on them.
        concatenating = Signal(reset_less=True)
        step = Signal(12, reset_less=True)  # words from one read to the next in a row

        active = Signal()
        tag = Signal(TAG, reset_less=True)
        word = Signal(12, reset_less=True)
        row = Signal(7, reset_less=True)
        row_address = Signal(ADDRESS_BITS, reset_less=True)  # of the row's first pixel, this word
        column = Signal(ADDRESS_BITS, reset_less=True)
        next_column = Signal(ADDRESS_BITS, reset_less=True)
        width = Signal(ADDRESS_BITS, reset_less=True)  # words of the row
        rows = Signal(7)
        first = Signal(reset_less=True)
        hollow, row_end, window_end, pixel_end = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            hollow.eq(tag.rows == 0),
            rows.eq(Mux(concatenating, 2, tag.rows)),
            row_end.eq(next_column >= width),
            window_end.eq(hollow | (row_end & (row == rows - 1))),
            pixel_end.eq(window_end & (concatenating | (word == layer.in_words - 1))),
            self.read_address.eq(row_address + column),
            self.tags.ready.eq(~active),
        ]

        reserved = Signal(range(PLACES + 2))
        wants, read = Signal(), Signal()
        m.d.comb += [
            wants.eq(active & (reserved < PLACES - 1)),
            self.read_en.eq(wants & ~hollow),
            read.eq(wants & (hollow | self.read_grant)),
        ]
        reserve = read & (window_end | concatenating)
        given_back = self.taken + self.dropped
        m.d.sync += [
            reserved.eq(reserved + reserve + self.extra - given_back),
            Assert(reserved <= PLACES),
            Assert(given_back <= reserved + self.extra),
        ]

        with m.If(read):
            m.d.sync += [column.eq(next_column), next_column.eq(next_column + step), first.eq(0)]
            with m.If(row_end):
                m.d.sync += [
                    column.eq(0),
                    next_column.eq(step),
                    row.eq(row + 1),
                    row_address.eq(Mux(concatenating, tag.span, row_address + layer.code_step)),
                ]
                with m.If(concatenating):
                    m.d.sync += width.eq(layer.second_words)
            with m.If(window_end):
                m.d.sync += [
                    first.eq(1),
                    row.eq(0),
                    column.eq(0),
                    next_column.eq(step),
                    word.eq(word + 1),
                    row_address.eq(tag.source + word + 1),
                ]
            with m.If(pixel_end):
                m.d.sync += active.eq(0)
        with m.If(self.tags.valid & self.tags.ready):
            m.d.sync += [
                active.eq(1),
                tag.eq(self.tags.p),
                concatenating.eq(joins),
                step.eq(layer_step),
                width.eq(Mux(joins, layer.in_words, self.tags.p.span)),
                word.eq(0),
                row.eq(0),
                column.eq(0),
                next_column.eq(layer_step),
                first.eq(1),
                row_address.eq(self.tags.p.source),
            ]

        # Stage 1: data arrives; stage 2: it is in a register.
        every = (1 << config.drain) - 1
        partial = every >> (config.drain - layer.out_valid)[:3]
        final_word = word == layer.in_words - 1
        asked = Signal(window_word(config), reset_less=True)
        asked_hollow = Signal(reset_less=True)
        asked_valid = Signal()
        m.d.sync += [
            asked_valid.eq(read),
            asked_hollow.eq(hollow),
            asked.first.eq(first),
            asked.ready.eq(window_end),
            asked.second.eq(row[0]),
            asked.count.eq(Mux(row_end, Mux(row[0], layer.second_valid, layer.in_valid), config.drain)),
            asked.word.row.eq(layer.params + word),
            asked.word.offset.eq(tag.offset + word),
            asked.word.valid.eq(Mux(final_word, partial, every)),
            asked.word.last.eq(final_word),
            self.valid.eq(asked_valid),
            self.o.eq(asked),
        ]
        for d in range(config.drain):
            m.d.sync += self.o.word.codes[d].eq(Mux(asked_hollow, layer.out_zero_point, self.read_data[d]))
        return m
