"""Goes over the pixels of an output row and finds where each one's window lies in the image."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS

from .payloads import KERNEL_ROWS, PLACE
from .signatures import LayerSignature

WINDOW = data.StructLayout(
    {
        "source": ADDRESS_BITS,  # CODES word of the window's first pixel inside the image, channel word 0
        "second": ADDRESS_BITS,  # CONCAT: of the second tensor's pixel
        "last_column": 6,  # columns inside the image, less 1
        "last_row": 6,  # rows inside the image (an ADD's tensors), less 1
        "hollow": 1,  # nothing of the window is inside the image; ``last_column`` and ``last_row`` are 0
        "offset": ADDRESS_BITS,  # of the output pixel's first word in its tensor
        "place": PLACE,  # of the output pixel; ``first`` and ``last`` are not used
    }
)
"""The part of a window that lies inside the image, and the output pixel that it is for."""


class WindowWalker(wiring.Component):
    """For each row all windows of its output pixels, left to right.

    Output column x has the image columns from ``(x // (repeat + 1)) * stride - pad`` on, ``kernel_columns``
    of them; an ADD and a CONCAT have one.

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

        # Stage 1: the output column, and the first and the last column of its window.
        row = Signal(KERNEL_ROWS, reset_less=True)
        x = Signal(12, reset_less=True)
        repeat = Signal(5, reset_less=True)
        left, right = (Signal(signed(14), name=name, reset_less=True) for name in ("left", "right"))
        last_x, edge = (Signal(12, name=name) for name in ("last_x", "edge"))
        reach = Signal(signed(8))  # image column of the first window's last one
        row_end = x == last_x
        m.d.sync += [
            last_x.eq(layer.out_width - 1),
            edge.eq(layer.in_width - 1),
            reach.eq(layer.kernel_columns - layer.pad - 1),
        ]
        m.d.comb += self.i.ready.eq(~active | (advance & row_end))
        with m.If(advance):
            m.d.sync += [x.eq(x + 1), repeat.eq(repeat + 1)]
            with m.If(repeat == layer.repeat):
                m.d.sync += [repeat.eq(0), left.eq(left + layer.stride), right.eq(right + layer.stride)]
            with m.If(row_end):
                m.d.sync += active.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                active.eq(1),
                row.eq(self.i.p),
                x.eq(0),
                repeat.eq(0),
                left.eq(-layer.pad),
                right.eq(reach),
            ]

        # Stage 2: both cut off at the image's edges.
        first, last = (Signal(12, name=name, reset_less=True) for name in ("first", "last"))
        hollow = Signal(reset_less=True)
        rows = Signal(KERNEL_ROWS, name="rows", reset_less=True)
        column = Signal(12, reset_less=True)
        with m.If(advance):
            m.d.sync += [
                clipped.eq(active),
                first.eq(Mux(left < 0, 0, left)),
                last.eq(Mux(right > edge, edge, right)),
                hollow.eq((right < 0) | (left > edge) | (row.inside == 0)),
                rows.eq(row),
                column.eq(x),
            ]

        # Stage 3: addresses and numbers.
        window = Signal(WINDOW, reset_less=True)
        m.d.comb += self.o.p.eq(window)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(clipped),
                window.source.eq(rows.codes + first),
                window.second.eq(rows.second + first),
                window.last_column.eq(Mux(hollow, 0, last - first)),
                window.last_row.eq(Mux(hollow, 0, rows.inside - 1)),
                window.hollow.eq(hollow),
                window.offset.eq(rows.offset + column),
                window.place.y.eq(rows.y),
                window.place.mask.eq(rows.mask),
                window.place.block.eq(column // MASK_COLUMNS),
                window.place.column.eq(column % MASK_COLUMNS),
            ]
        return m
