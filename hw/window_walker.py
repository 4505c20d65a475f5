"""Goes over the pixels of an output row and finds where each one's window lies in the image."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS
from stillframe.contract.layer import Op

from .payloads import KERNEL_ROWS, PLACE
from .signatures import LayerSignature

WINDOW = data.StructLayout(
    {
        "source": ADDRESS_BITS,  # CODES word of the window's first pixel inside the image, channel word 0
        "last_column": 6,  # columns inside the image, less 1
        "last_row": 6,  # rows inside the image (an ADD's tensors), less 1
        "narrow": 1,  # ``last_column`` is 0
        "flat": 1,  # ``last_row`` is 0
        "hollow": 1,  # nothing of the window is inside the image; ``last_column`` and ``last_row`` are 0
        "second": 1,  # CONCAT: of the second tensor, behind one of the first for the same output pixel
        "offset": ADDRESS_BITS,  # of the output pixel's first word in its tensor
        "place": PLACE,  # of the output pixel; ``first`` and ``last`` are not used
    }
)
"""The part of a window that lies inside the image, and the output pixel that it is for."""


class WindowWalker(wiring.Component):
    """For each row all windows of its output pixels, left to right.

    Output column x has the image columns from ``(x // (repeat + 1)) * stride - pad`` on, ``kernel_columns``
    of them; an ADD and a CONCAT have one. A CONCAT has two windows for each output pixel, one of each tensor.

    Throughput one window a cycle, without a gap between rows. Latency ``LATENCY`` cycles from a row to its
    first window.

    Ports:
        layer: Constant from two cycles before the first row until ``busy`` falls.
        busy: High from the cycle after a row was taken until its last window was.
    """

    LATENCY = 3

    busy: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "busy": Out(1),
                "i": In(stream.Signature(KERNEL_ROWS)),
                "o": Out(stream.Signature(WINDOW)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer
        advance, active, clipped = Signal(), Signal(), Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.busy.eq(active | clipped | self.o.valid),
        ]

        # Of the layer, in registers since much hangs on them.
        joins = Signal()
        alone, before_last = Signal(), Signal(12)  # the row has one column; the one before its last
        single = Signal()  # the row has one window
        edge = Signal(12)
        margin, reach = Signal(signed(8)), Signal(signed(8))  # the first window's first and last image column
        m.d.sync += [
            joins.eq(layer.op == Op.CONCAT),
            alone.eq(layer.out_width == 1),
            single.eq(alone & ~joins),
            before_last.eq(layer.out_width - 2),
            edge.eq(layer.in_width - 1),
            margin.eq(-layer.pad),
            reach.eq(layer.kernel_columns - layer.pad - 1),
        ]

        # Stage 1: the output column, and the first and the last column of its window.
        row = Signal(KERNEL_ROWS, reset_less=True)
        x = Signal(12, reset_less=True)
        repeat = Signal(5, reset_less=True)
        left, right = (Signal(signed(14), name=name, reset_less=True) for name in ("left", "right"))
        second, final = Signal(reset_less=True), Signal(reset_less=True)  # ``final``: the row's last window
        column_end, last_x = second | ~joins, Signal(reset_less=True)
        m.d.comb += self.i.ready.eq(~active | (advance & final))
        with m.If(advance):
            m.d.sync += [second.eq(~column_end), final.eq(last_x)]
        with m.If(advance & column_end):
            here = x == before_last
            m.d.sync += [x.eq(x + 1), last_x.eq(here), final.eq(here & ~joins), repeat.eq(repeat + 1)]
            with m.If(repeat == layer.repeat):
                m.d.sync += [repeat.eq(0), left.eq(left + layer.stride), right.eq(right + layer.stride)]
        with m.If(self.i.ready):
            m.d.sync += [
                active.eq(self.i.valid),
                row.eq(self.i.p),
                x.eq(0),
                last_x.eq(alone),
                final.eq(single),
                second.eq(0),
                repeat.eq(0),
                left.eq(margin),
                right.eq(reach),
            ]

        # Stage 2: both cut off at the image's edges.
        first, last = (Signal(12, name=name, reset_less=True) for name in ("first", "last"))
        hollow = Signal(reset_less=True)
        source = Signal(ADDRESS_BITS, reset_less=True)  # of the row
        last_row, flat = Signal(6, reset_less=True), Signal(reset_less=True)
        window = Signal(WINDOW, name="clipped_window", reset_less=True)
        with m.If(advance):
            m.d.sync += [
                clipped.eq(active),
                first.eq(Mux(left < 0, 0, left)),
                last.eq(Mux(right > edge, edge, right)),
                hollow.eq((right < 0) | (left > edge) | (row.inside == 0)),
                source.eq(Mux(second, row.second, row.codes)),
                last_row.eq(Mux(joins, 0, row.inside - 1)),
                flat.eq(joins | (row.inside == 1)),
                window.second.eq(second),
                window.offset.eq(row.offset),
                window.place.y.eq(row.y),
                window.place.mask.eq(row.mask),
                window.place.block.eq(x // MASK_COLUMNS),
                window.place.column.eq(x % MASK_COLUMNS),
            ]

        # Stage 3: addresses and numbers.
        given = Signal(WINDOW, reset_less=True)
        m.d.comb += self.o.p.eq(given)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(clipped),
                given.eq(window),
                given.source.eq(source + first),
                given.last_column.eq(Mux(hollow, 0, last - first)),
                given.last_row.eq(Mux(hollow, 0, last_row)),
                given.narrow.eq(hollow | (last == first)),
                given.flat.eq(hollow | flat),
                given.hollow.eq(hollow),
                given.offset.eq(window.offset + Cat(window.place.column, window.place.block)),
            ]
        return m
