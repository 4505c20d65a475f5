"""Maximum over a window, on codes."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .payloads import TAG, table_word
from .queue import Queue
from .signatures import LayerSignature

_OUTPUT_DEPTH = 8
_IN_FLIGHT = 3  # reads whose data has not reached the output queue


class MaxPool(wiring.Component):
    """For each tag, the words of one output pixel: maxima over the window's pixels inside the image.

    One activation word is read a cycle that ``read_grant`` allows, so an output word takes as many cycles as
    its window has pixels, and a tag one more. ``read_data`` is expected in the cycle after a granted read.
    Latency ``LATENCY`` cycles from the read of a window's last pixel to its word.
    """

    LATENCY = 4

    read_address: Signal
    read_en: Signal
    read_grant: Signal
    tags: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._codes = data.ArrayLayout(signed(8), config.drain)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "tags": In(stream.Signature(TAG)),
                "read_address": Out(16),
                "read_en": Out(1),
                "read_grant": In(1),
                "read_data": In(self._codes),
                "o": Out(stream.Signature(table_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer

        # The window: for each word of the pixel, row by row, pixel by pixel.
        active = Signal()
        tag = Signal(TAG, reset_less=True)
        word = Signal(12, reset_less=True)
        row = Signal(6, reset_less=True)
        row_address = Signal(16, reset_less=True)  # of the row's first pixel, this word
        column = Signal(16, reset_less=True)
        next_column = Signal(16, reset_less=True)
        first = Signal(reset_less=True)
        row_end, window_end, pixel_end = Signal(), Signal(), Signal()
        m.d.comb += [
            row_end.eq(next_column >= tag.span),
            window_end.eq(row_end & (row == tag.rows - 1)),
            pixel_end.eq(window_end & (word == layer.in_words - 1)),
            self.read_address.eq(row_address + column),
            self.tags.ready.eq(~active),
        ]
        read = Signal()
        m.d.comb += read.eq(self.read_en & self.read_grant)
        with m.If(read):
            m.d.sync += [column.eq(next_column), next_column.eq(next_column + layer.in_words), first.eq(0)]
            with m.If(row_end):
                m.d.sync += [
                    column.eq(0),
                    next_column.eq(layer.in_words),
                    row.eq(row + 1),
                    row_address.eq(row_address + layer.in_pitch),
                ]
            with m.If(window_end):
                m.d.sync += [
                    first.eq(1),
                    row.eq(0),
                    word.eq(word + 1),
                    row_address.eq(tag.source + word + 1),
                ]
            with m.If(pixel_end):
                m.d.sync += active.eq(0)
        with m.If(self.tags.valid & self.tags.ready):
            m.d.sync += [
                active.eq(1),
                tag.eq(self.tags.p),
                word.eq(0),
                row.eq(0),
                column.eq(0),
                next_column.eq(layer.in_words),
                first.eq(1),
                row_address.eq(self.tags.p.source),
            ]

        # Room in the output queue is reserved when a window's last word is read: the data never waits.
        m.submodules.output = output = Queue(table_word(config), _OUTPUT_DEPTH)
        wiring.connect(m, output.o, wiring.flipped(self.o))
        reserved = Signal(range(_OUTPUT_DEPTH + _IN_FLIGHT + 1))
        reserve, release = read & window_end, self.o.valid & self.o.ready
        m.d.sync += reserved.eq(reserved + reserve - release)
        m.d.comb += self.read_en.eq(active & (reserved != _OUTPUT_DEPTH))

        # Stage 1: data arrives; stage 2: it is in a register; then the maximum.
        sidebands = data.StructLayout({"word": table_word(config), "first": 1, "ready": 1})
        stages = [Signal(sidebands, name=f"stage_{n}", reset_less=True) for n in range(2)]
        valid = [Signal(name=f"valid_{n}") for n in range(2)]
        partial = (1 << config.drain) - 1 >> (config.drain - layer.out_valid)[:3]
        final_word = word == layer.in_words - 1
        maximum = Signal(data.ArrayLayout(signed(8), config.drain), reset_less=True)
        m.d.sync += [
            valid[0].eq(read),
            valid[1].eq(valid[0]),
            stages[0].first.eq(first),
            stages[0].ready.eq(window_end),
            stages[0].word.row.eq(layer.params + word),
            stages[0].word.offset.eq(tag.offset + word),
            stages[0].word.valid.eq(Mux(final_word, partial, (1 << config.drain) - 1)),
            stages[0].word.last.eq(final_word),
            stages[1].eq(stages[0]),
            stages[1].word.codes.eq(self.read_data),
        ]
        result = output.i.p
        m.d.comb += [
            result.eq(stages[1].word),
            output.i.valid.eq(valid[1] & stages[1].ready),
        ]
        for d in range(config.drain):
            code = stages[1].word.codes[d]
            keep = ~stages[1].first & (maximum[d] > code)
            m.d.comb += result.codes[d].eq(Mux(keep, maximum[d], code))
            with m.If(valid[1]):
                m.d.sync += maximum[d].eq(result.codes[d])
        return m
