"""Cuts the image columns of a strip into looks at mask words, block by block."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import MASK_COLUMNS

from .payloads import PIXEL_BITS, PLACE_BITS
from .signatures import LayerSignature
from .strip_walker import STRIP_COLUMNS

MARK_STEP = 15
"""Pixels that become complete at once, at most; a power of two less 1."""

COLUMN_BITS = (MASK_COLUMNS - 1).bit_length()

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

    No look completes more than ``MARK_STEP`` pixels: where more see nothing but what is outside the image, or
    nothing is to be looked at at all, looks without columns come before or behind.

    Latency 6 cycles from a strip to its first look. Throughput: a look a cycle; 5 cycles more for each strip,
    one for each look that would have no column nor complete a pixel, and one for each column outside the
    image that is gone over one by one.

    Ports:
        o: Its ready may not wait for valid: all stands still without it.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(STRIP_COLUMNS)),
                "o": Out(stream.Signature(LOOK)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer

        # Constants of the layer.
        block, phase = Signal(COLUMN_BITS), Signal(COLUMN_BITS)  # columns of a block, of the stride, less 1
        by_block = Signal()
        last_phase = Signal(COLUMN_BITS)
        word_places = Signal(4)  # output pixels to a mask word
        stride_end = Signal(6)
        stride_rows = Signal(9)  # WEIGHTS rows from one tap of an element to its next one
        overlap = Signal(signed(14))  # columns that neighbouring receptive fields share, less 1
        m.d.sync += [
            block.eq((1 << layer.block_log2) - 1),
            phase.eq((1 << layer.stride_log2) - 1),
            by_block.eq(layer.stride == (1 << layer.stride_log2)),
            last_phase.eq(Mux(layer.kernel_columns > phase, phase, layer.kernel_columns - 1)),
            word_places.eq(MASK_COLUMNS >> layer.stride_log2),
            overlap.eq(layer.span - layer.stride),
            stride_end.eq(layer.stride - 1),
            stride_rows.eq(layer.tap_rows << layer.stride_log2),
        ]

        # The strip, and its columns inside the image: from ``low`` to ``high``, by blocks up to ``limit``.
        strip = Signal(STRIP_COLUMNS, reset_less=True)
        low, high, limit = (Signal(signed(14), name=n, reset_less=True) for n in ("low", "high", "limit"))
        origin = Signal(signed(14), reset_less=True)  # one stride before the column that completes pixel 0
        edge = Signal(12, reset_less=True)  # the last output column
        turn = Signal(COLUMN_BITS, reset_less=True)  # phase of column 0
        walking = Signal()  # columns are to come
        regular, outlying = Signal(reset_less=True), Signal(reset_less=True)  # by blocks, one by one
        shared = Signal(reset_less=True)  # there is a block with columns of both kinds

        # The walk: a column, the first tap of it or of its block, and what is complete.
        x = Signal(signed(14), reset_less=True)
        tap, weight = Signal(7, reset_less=True), Signal(13, reset_less=True)
        # The tap's pixel; by blocks, that of the mask word's column 0.
        place = Signal(signed(PLACE_BITS), reset_less=True)
        # Columns that follow this one or its block, up to ``high`` or ``limit``, less 1; those before it.
        ahead, inside = Signal(signed(15), reset_less=True), Signal(signed(15), reset_less=True)
        outside = Signal(signed(15), reset_less=True)  # ``ahead`` at the first outlying column
        seen = Signal(signed(14), reset_less=True)  # the block's last column, counted from ``origin``
        complete, target = Signal(12, reset_less=True), Signal(12, reset_less=True)

        look, given, some = Signal(LOOK), Signal(LOOK), Signal()  # of this cycle, of the one before
        after, reached, block_end = Signal(12), Signal(12), Signal(signed(14))
        advance, near, ending, finishing = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            advance.eq(self.o.ready),
            block_end.eq(Cat(x[:COLUMN_BITS] | block, x[COLUMN_BITS:]).as_signed()),
            reached.eq(Mux(by_block, self._pixels(seen), complete + (seen == layer.stride))),
            near.eq(_few(strip.count - complete)),
            after.eq(complete),
            look.word.eq(x[COLUMN_BITS:]),
            look.tap.eq(tap),
            look.weight.eq(weight),
            look.first.eq(strip.first),
            look.complete.eq(after),  # counted from the strip's first pixel until it is given
            some.eq(given.columns.any()),
            self.o.p.eq(given),
            self.o.p.mark.eq(~some),
            self.o.p.complete.eq(given.first + given.complete),
            self.o.valid.eq(some | given.end),
        ]
        with m.If(advance):
            m.d.sync += given.eq(look)
        with m.If(finishing & near):
            m.d.comb += [after.eq(strip.count), look.end.eq(1), look.last.eq(strip.last)]
        with m.Elif(ending & ~finishing):
            m.d.comb += [after.eq(reached), look.end.eq(reached != complete)]

        to_right = [  # on to the columns that are looked at one by one
            place.eq(strip.count - layer.dilation),
            tap.eq(layer.stride),
            weight.eq(stride_rows),
        ]
        # With another stride ``seen`` counts the columns since the last pixel became complete.
        next_block = seen.eq(Mux(by_block | (seen != layer.stride), seen + block + 1, 1))
        next_tap = [tap.eq(tap + 1), weight.eq(weight + layer.tap_rows)]

        def finish() -> None:
            with m.If(near):
                m.next = "IDLE"
            with m.Else():
                m.next = "MARKS"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [
                    strip.eq(self.i.p),
                    low.eq(Mux(self.i.p.left < 0, 0, self.i.p.left)),
                    high.eq(Mux(self.i.p.right < layer.in_width, self.i.p.right, layer.in_width - 1)),
                    edge.eq(self.i.p.count - 1),
                    turn.eq(-self.i.p.left),
                ]
                with m.If(self.i.valid):
                    m.next = "RANGE"

            with m.State("RANGE"):
                m.d.sync += [
                    walking.eq((low <= high) & ~strip.still),
                    regular.eq(by_block & (low < strip.beyond)),
                    outlying.eq(high >= strip.beyond),
                    limit.eq(Mux(high < strip.beyond, high, strip.beyond - 1)),
                    x.eq(Mux(by_block, low, strip.left)),
                    origin.eq(strip.left + overlap),
                ]
                with m.If(by_block & (low >= strip.beyond)):
                    m.d.sync += x.eq(strip.beyond)
                m.next = "START"

            with m.State(
                "START"
            ):  # one stage before what it comes to, so that nothing is shifted after a sum
                m.d.sync += [
                    seen.eq(x - origin - 1),
                    place.eq(Cat(Mux(regular, 0, x[:COLUMN_BITS]), x[COLUMN_BITS:]).as_signed() - strip.left),
                    ahead.eq(Mux(regular, limit - block_end, high - x) - 1),
                    outside.eq(high - strip.beyond - 1),
                    inside.eq(x - low),
                    shared.eq(outlying & ((limit[:COLUMN_BITS] & block) != block)),
                    complete.eq(0),
                    tap.eq(0),
                    weight.eq(0),
                ]
                m.next = "AIM"

            with m.State("AIM"):
                m.d.sync += [
                    seen.eq(block_end - origin),
                    place.eq(place >> layer.stride_log2),
                    target.eq(Mux(by_block, reached, 0)),
                ]
                with m.If(by_block & ~regular):
                    m.d.sync += to_right
                with m.If(~walking):
                    m.d.sync += target.eq(strip.count)
                m.next = "MARKS"

            with m.State("MARKS"):
                last_mark = _few(target - complete)
                m.d.comb += [
                    after.eq(Mux(last_mark, target, complete + MARK_STEP)),
                    look.end.eq(complete != target),
                    look.last.eq(strip.last & last_mark & ~walking),
                ]
                with m.If(advance):
                    m.d.sync += complete.eq(after)
                with m.If(advance & last_mark):
                    with m.If(~walking):
                        m.next = "IDLE"
                    with m.Elif(regular):
                        m.next = "BLOCKS"
                    with m.Else():
                        m.next = "COLUMNS"

            with m.State("BLOCKS"):
                past, turned = Signal(), Signal()
                m.d.comb += [
                    past.eq(ahead < 0),
                    turned.eq(tap[:COLUMN_BITS] == last_phase),
                    look.place.eq(place + (tap[:COLUMN_BITS] < (turn & phase))),
                    ending.eq(turned & ~(past & shared)),
                    finishing.eq(turned & past & ~outlying),
                ]
                until = Mux(past, limit[:COLUMN_BITS], block_end[:COLUMN_BITS])
                for c in range(MASK_COLUMNS):
                    of_phase = ((tap[:COLUMN_BITS] - turn - c)[:COLUMN_BITS] & phase) == 0
                    m.d.comb += look.columns[c].eq((c >= x[:COLUMN_BITS]) & (c <= until) & of_phase)
                with m.If(advance):
                    m.d.sync += [complete.eq(after), *next_tap]
                with m.If(advance & turned):
                    m.d.sync += [x.eq(block_end + 1), ahead.eq(ahead - block - 1), tap.eq(0), weight.eq(0)]
                    with m.If(block_end[:COLUMN_BITS].all()):
                        m.d.sync += place.eq(place + word_places)
                    with m.If(ending):
                        m.d.sync += next_block
                    with m.If(past):
                        m.d.sync += [x.eq(strip.beyond), ahead.eq(outside), inside.eq(0), *to_right]
                        m.next = "COLUMNS"
                with m.If(advance & finishing):
                    finish()

            with m.State("COLUMNS"):
                there = (inside >= 0) & (tap < layer.kernel_columns)
                m.d.comb += [
                    look.columns.eq(Mux(there, 1 << x[:COLUMN_BITS], 0)),
                    look.place.eq(place - (x[:COLUMN_BITS] >> layer.stride_log2)),
                    ending.eq((x[:COLUMN_BITS] & block) == block),
                    finishing.eq(ahead < 0),
                ]
                with m.If(advance):
                    m.d.sync += [complete.eq(after), x.eq(x + 1), ahead.eq(ahead - 1), inside.eq(inside + 1)]
                    with m.If(ending):
                        m.d.sync += next_block
                    with m.If(place == edge):
                        m.d.sync += [place.eq(strip.count - layer.dilation), *next_tap]
                    with m.Elif(layer.stride == 1):
                        m.d.sync += place.eq(place + 1)
                    with m.Elif(tap == stride_end):
                        m.d.sync += [place.eq(place + 1), tap.eq(0), weight.eq(0)]
                    with m.Else():
                        m.d.sync += next_tap
                with m.If(advance & finishing):
                    finish()

        with m.If(advance & finishing):
            m.d.sync += [walking.eq(0), target.eq(strip.count)]
        m.d.sync += [
            Assert(~look.end | ((after > complete) & (after <= strip.count))),
            Assert(~(look.end & look.last) | (after == strip.count)),
            Assert(~(self.i.valid & self.i.ready) | (self.i.p.count != 0)),
        ]
        return m

    def _pixels(self, columns: Value) -> Value:
        """Pixels that are complete so many columns from ``origin`` on, where the stride has phases."""
        return Mux(columns < 0, 0, columns >> self.layer.stride_log2)[:12]


def _few(pixels: Value) -> Value:
    """Whether so many pixels of a strip, 0 or more, may become complete at once."""
    return pixels[MARK_STEP.bit_length() : 12] == 0
