"""Cuts output rows into passes and strips."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MAX_KERNEL_ROWS

from .payloads import KERNEL_ROWS, PIXEL_BITS, STRIP
from .signatures import LayerSignature

PASS = data.StructLayout(
    {
        "masks": ADDRESS_BITS,  # MASKS word of the top kernel row, in the pass's first channel word
        "events": ADDRESS_BITS,  # EVENTS word, likewise
        "weight": ADDRESS_BITS,  # WEIGHTS row of the top kernel row
        "live": MAX_KERNEL_ROWS,  # kernel rows to look at
        "still": 1,  # there are none
        "final": 1,  # the last pass over the row
    }
)
"""A pass over an output row: the kernel rows that all its strips look at."""

STRIP_COLUMNS = data.StructLayout(
    {
        "count": 12,  # output columns
        "first": PIXEL_BITS,  # number of the first one's pixel
        "left": signed(14),  # image column of the first receptive field's first column
        "beyond": signed(14),  # of the receptive field's that would follow the last one
        "still": 1,  # no kernel row is live: no column is to be looked at
        "last": 1,  # the pass's last strip
    }
)
"""The image columns that a strip looks at."""


class StripWalker(wiring.Component):
    """For each row, for each pass, for each strip of output columns: what is to be walked and drained.

    Throughput: a strip in 3 cycles, and 2 more for each pass. Strips go ahead of a pass that waits to be
    taken, up to its last one.

    Ports:
        start: Pulse before a layer: pixels count from 0.
        busy: High from the cycle after a row was taken until its last strip and pass were.
        pass_offset, pass_mask, strip_columns, row_columns: Of :class:`~.layer_products.LayerProducts`.
        i: Rows.
        strips: Strips for the drain, each before its columns.
        passes: Passes, each offered before its strips.
        columns: The columns of strips.
    """

    start: Signal
    busy: Signal
    pass_offset: Signal
    pass_mask: Signal
    strip_columns: Signal
    row_columns: Signal
    i: stream.Interface
    strips: stream.Interface
    passes: stream.Interface
    columns: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "busy": Out(1),
                "pass_offset": In(ADDRESS_BITS),
                "pass_mask": In(ADDRESS_BITS),
                "strip_columns": In(14),
                "row_columns": In(14),
                "i": In(stream.Signature(KERNEL_ROWS)),
                "strips": Out(stream.Signature(STRIP)),
                "passes": Out(stream.Signature(PASS)),
                "columns": Out(stream.Signature(STRIP_COLUMNS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer

        walked, offered = Signal(PASS, reset_less=True), Signal()
        left_passes = Signal(10, reset_less=True)  # behind this one
        pass_offset = Signal(ADDRESS_BITS, reset_less=True)  # output offset of the pass in the row
        strip = Signal(STRIP, reset_less=True)  # its count is worked out as it is given
        rest = Signal(12, reset_less=True)  # output columns from the strip's first on
        last_strip = Signal(reset_less=True)
        count, beyond = Signal(12), Signal(signed(14))
        first = Signal(PIXEL_BITS)

        # ``beyond`` of a row's last strip, of any other.
        row_beyond, strip_beyond = Signal(signed(14)), Signal(signed(14), reset_less=True)
        m.d.sync += [
            row_beyond.eq(self.row_columns - layer.pad),
            strip_beyond.eq(strip.left + self.strip_columns),
        ]

        m.d.sync += walked.still.eq(walked.live == 0)

        columns = self.columns.p
        m.d.comb += [
            self.busy.eq(1),
            self.passes.p.eq(walked),
            self.passes.valid.eq(offered),
            count.eq(Mux(last_strip, rest, layer.strip)),
            beyond.eq(Mux(last_strip, row_beyond, strip_beyond)),
            self.strips.p.eq(strip),
            self.strips.p.count.eq(count),
            self.strips.p.final.eq(walked.final),
            columns.count.eq(count),
            columns.first.eq(first),
            columns.left.eq(strip.left),
            columns.beyond.eq(beyond),
            columns.still.eq(walked.still),
            columns.last.eq(last_strip),
        ]
        with m.If(self.passes.ready):
            m.d.sync += offered.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.busy.eq(offered), self.i.ready.eq(~offered)]
                row = self.i.p
                with m.If(~offered):
                    m.d.sync += [
                        walked.masks.eq(row.masks),
                        walked.events.eq(row.events),
                        walked.weight.eq(layer.weights),
                        walked.live.eq(row.live),
                        walked.final.eq(layer.groups == 1),
                        left_passes.eq(layer.groups - 1),
                        pass_offset.eq(row.offset),
                        strip.y.eq(row.y),
                        strip.mask.eq(row.mask),
                        strip.row.eq(layer.params + row.border),
                        strip.everything.eq(row.everything),
                    ]
                    with m.If(self.i.valid):
                        m.next = "PASS"

            with m.State("PASS"):
                m.d.sync += [
                    strip.x.eq(0),
                    strip.left.eq(-layer.pad),
                    strip.offset.eq(pass_offset),
                    rest.eq(layer.out_width),
                    offered.eq(1),
                ]
                m.next = "COUNT"

            with m.State("COUNT"):
                m.d.sync += last_strip.eq(rest <= layer.strip)
                m.next = "STRIP"

            with m.State("STRIP"):
                m.d.comb += self.strips.valid.eq(1)
                with m.If(self.strips.ready):
                    m.next = "COLUMNS"

            with m.State("COLUMNS"):
                m.d.comb += self.columns.valid.eq(1)
                with m.If(self.columns.ready):
                    m.d.sync += [
                        first.eq(first + count),
                        strip.x.eq(strip.x + layer.strip),
                        strip.left.eq(beyond),
                        strip.offset.eq(strip.offset + layer.strip),
                        rest.eq(rest - layer.strip),
                    ]
                    with m.If(~last_strip):
                        m.next = "COUNT"
                    with m.Elif(walked.final):
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "NEXT"

            with m.State("NEXT"), m.If(~offered):
                m.d.sync += [
                    walked.weight.eq(walked.weight + layer.kernel),
                    walked.final.eq(left_passes == 1),
                    left_passes.eq(left_passes - 1),
                    pass_offset.eq(pass_offset + self.pass_offset),
                    strip.mask.eq(strip.mask + self.pass_mask),
                    strip.row.eq(strip.row + layer.pass_words),
                ]
                with m.If(layer.depthwise):  # each pass has its own channel word
                    m.d.sync += [
                        walked.masks.eq(walked.masks + layer.in_mask_words),
                        walked.events.eq(walked.events + layer.in_width),
                    ]
                m.next = "PASS"
        with m.If(self.start):
            m.d.sync += first.eq(0)
        m.d.sync += Assert(~self.start | ~self.busy)
        return m
