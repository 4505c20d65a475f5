"""Cuts the image columns of a strip into looks at mask words, block by block."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import MASK_COLUMNS

from .payloads import PIXEL_BITS, PLACE_BITS
from .pixel_marks import PixelMarks
from .signatures import LayerSignature
from .strip_range import COLUMN_BITS, STRIP_RANGE

LOOK = data.StructLayout(
    {
        "word": 9,  # mask word in its channel word's row
        "columns": MASK_COLUMNS,  # its columns to look at
        "mark": 1,  # there are none
        "tap": 7,  # kernel column of their first tap
        "weight": 13,  # WEIGHTS rows to go on for it
        "place": signed(PLACE_BITS),  # as in a request
        "first": PIXEL_BITS,  # number of the strip's first pixel
        "complete": PIXEL_BITS,  # number of the first pixel that is incomplete after it
        "end": 1,  # that number has risen
        "last": 1,  # the pass's last look
    }
)
"""Columns of a mask word with the same first tap, to be looked at in every kernel row and channel word."""


class ColumnBlocks(wiring.Component):
    """Goes over a strip's columns from left to right.

    Where the stride is 1, 2, 4 or 8 a block of ``1 << block_log2`` columns gives a look for each of the
    stride's phases that has a tap. Columns to the right of the last output's first, and all columns with
    another stride, are looked at one by one. With a block's last look the pixels are complete whose receptive
    fields end in it, and with the strip's last one all of its pixels.

    No look completes more than :data:`~.pixel_marks.MARK_STEP` pixels: where more see nothing but what is
    outside the image, or nothing is to be looked at at all, looks without columns come before or behind.

    Latency ``LATENCY`` cycles from a strip's range to its first look. Throughput: a look a cycle; 2 cycles
    more for each strip, one for each look that would have no column nor complete a pixel, and one for each
    column outside the image that is gone over one by one.

    Ports:
        o: Its ready may not wait for valid: all stands still without it.
    """

    LATENCY = 3

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(STRIP_RANGE)),
                "o": Out(stream.Signature(LOOK)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer

        # Constants of the layer.
        block, phases = Signal(COLUMN_BITS), Signal(COLUMN_BITS)  # columns of a block, of the stride, less 1
        last_phase = Signal(COLUMN_BITS)
        word_places = Signal(4)  # output pixels to a mask word
        every, narrow = Signal(), Signal()  # stride, dilation are 1
        stride_end = Signal(6)
        stride_rows = Signal(9)  # WEIGHTS rows from one tap of an element to its next one
        m.d.sync += [
            block.eq((1 << layer.block_log2) - 1),
            phases.eq((1 << layer.stride_log2) - 1),
            last_phase.eq(Mux(layer.kernel_columns > phases, phases, layer.kernel_columns - 1)),
            word_places.eq(MASK_COLUMNS >> layer.stride_log2),
            every.eq(layer.stride == 1),
            narrow.eq(layer.dilation == 1),
            stride_end.eq(layer.stride - 1),
            stride_rows.eq(layer.tap_rows << layer.stride_log2),
        ]

        # The strip, and where in it the walk is: a column, its first tap or its block's, that tap's pixel.
        strip = Signal(STRIP_RANGE, reset_less=True)
        walking = Signal()  # columns are to come
        x = Signal(12, reset_less=True)
        following = Signal(COLUMN_BITS, reset_less=True)  # columns behind it that it stands for
        ahead = Signal(signed(14), reset_less=True)  # as in a range
        before = Signal(signed(8), reset_less=True)  # likewise
        tap, weight = Signal(7, reset_less=True), Signal(13, reset_less=True)
        turned = Signal(reset_less=True)  # it is the block's last phase
        phase = Signal(COLUMN_BITS, reset_less=True)  # of the columns that have this tap first
        place = Signal(signed(PLACE_BITS), reset_less=True)
        before_edge = Signal(signed(PLACE_BITS), reset_less=True)  # the last pixel but one
        at_edge = Signal(reset_less=True)  # it is at the last one

        m.submodules.marks = marks = PixelMarks()
        wiring.connect(m, wiring.flipped(layer), marks.layer)
        look, given, some = Signal(LOOK), Signal(LOOK), Signal()  # of this cycle, of the one before
        end_pixel = Signal(PIXEL_BITS, reset_less=True)  # number of the pixel behind the strip
        advance, beside, to_edge = Signal(), Signal(), Signal()
        m.d.comb += [
            advance.eq(self.o.ready),
            marks.advance.eq(advance),
            marks.walking.eq(walking),
            marks.count.eq(self.i.p.count),
            marks.done.eq(self.i.p.done),
            marks.seen.eq(self.i.p.seen),
            look.word.eq(x[COLUMN_BITS:]),
            look.tap.eq(tap),
            look.weight.eq(weight),
            look.first.eq(strip.first),
            look.complete.eq(marks.after),  # counted back from the strip's end until it is given
            look.end.eq(marks.end),
            some.eq(given.columns.any()),
            self.o.p.eq(given),
            self.o.p.mark.eq(~some),
            self.o.p.complete.eq(end_pixel - given.complete),
            self.o.valid.eq(some | given.end),
        ]
        m.d.sync += before_edge.eq(strip.count - 2)
        with m.If(advance):
            m.d.sync += [given.eq(look), end_pixel.eq(strip.first + strip.count)]

        next_column = [x.eq((x | following) + 1), ahead.eq(ahead - following - 1)]
        next_tap = [tap.eq(tap + 1), weight.eq(weight + layer.tap_rows)]
        first_tap = [tap.eq(0), weight.eq(0)]

        def finish() -> None:
            with m.If(advance & marks.finishing):
                m.d.sync += walking.eq(0)
                with m.If(marks.few):
                    m.next = "IDLE"
                with m.Else():
                    m.next = "MARKS"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.i.ready.eq(1), marks.load.eq(1)]
                begin = self.i.p
                m.d.sync += [
                    strip.eq(begin),
                    x.eq(begin.x),
                    phase.eq(begin.phase),
                    place.eq(begin.place),
                    at_edge.eq(begin.count == 1),
                    walking.eq(begin.walking),
                    ahead.eq(begin.ahead),
                    before.eq(begin.before),
                    turned.eq(last_phase == 0),
                    *first_tap,
                ]
                with m.If(self.i.valid):
                    m.next = "MARKS"

            with m.State("MARKS"):
                m.d.comb += [
                    marks.marking.eq(1),
                    look.last.eq(strip.last & marks.last_mark & ~walking),
                    beside.eq(strip.sideways),
                ]
                m.d.sync += following.eq(Mux(strip.regular, block, 0))
                with m.If(advance & marks.last_mark):
                    with m.If(~walking):
                        m.next = "IDLE"
                    with m.Elif(strip.regular):
                        m.next = "BLOCKS"
                    with m.Else():
                        m.next = "COLUMNS"

            with m.State("BLOCKS"):
                past = ahead < 0
                m.d.comb += [
                    look.place.eq(place + (tap[:COLUMN_BITS] < strip.turn)),
                    look.last.eq(strip.last & marks.finishing & marks.few),
                    marks.ending.eq(turned & ~(past & strip.shared)),
                    marks.finishing.eq(turned & past & ~strip.outlying),
                    beside.eq(turned & past),
                ]
                block_end = x[:COLUMN_BITS] | block
                until = Mux(past, strip.limit, block_end)
                for c in range(MASK_COLUMNS):
                    within = (c >= x[:COLUMN_BITS]) & (c <= until)
                    m.d.comb += look.columns[c].eq(within & ((c & phases) == phase))
                with m.If(advance):
                    m.d.sync += [*next_tap, phase.eq((phase + 1) & phases)]
                    m.d.sync += turned.eq((tap + 1)[:COLUMN_BITS] == last_phase)
                with m.If(advance & turned):
                    m.d.sync += [*next_column, *first_tap, phase.eq(strip.phase), turned.eq(last_phase == 0)]
                    with m.If(block_end.all()):
                        m.d.sync += place.eq(place + word_places)
                    with m.If(past):
                        m.next = "COLUMNS"
                finish()

            with m.State("COLUMNS"):
                there = (before >= 0) & (tap < layer.kernel_columns)
                m.d.comb += [
                    look.columns.eq(Mux(there, 1 << x[:COLUMN_BITS], 0)),
                    look.place.eq(place - (x[:COLUMN_BITS] >> layer.stride_log2)),
                    look.last.eq(strip.last & marks.finishing & marks.few),
                    marks.ending.eq((x[:COLUMN_BITS] & block) == block),
                    marks.finishing.eq(ahead < 0),
                    to_edge.eq(at_edge),
                ]
                with m.If(advance):
                    m.d.sync += [*next_column, *next_tap]
                    with m.If(before < 0):
                        m.d.sync += before.eq(before + 1)
                    with m.If(~at_edge & (every | (tap == stride_end))):
                        m.d.sync += [place.eq(place + 1), at_edge.eq(place == before_edge)]
                        m.d.sync += [tap.eq(Mux(every, tap, 0)), weight.eq(Mux(every, weight, 0))]
                finish()

        with m.If(advance & (beside | to_edge)):
            m.d.sync += [place.eq(strip.aside), at_edge.eq(narrow)]
        with m.If(advance & beside):  # on to the columns that are looked at one by one
            m.d.sync += [x.eq(strip.beyond), ahead.eq(strip.outside), following.eq(0)]
            m.d.sync += [tap.eq(layer.stride), weight.eq(stride_rows)]
        m.d.sync += Assert(~(look.end & look.last) | (marks.after == 0))
        return m
