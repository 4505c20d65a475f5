"""From a strip's place in the image to where the walk over its columns begins, turns and ends."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import MASK_COLUMNS

from .payloads import PIXEL_BITS, PLACE_BITS
from .signatures import LayerSignature
from .strip_walker import STRIP_COLUMNS

COLUMN_BITS = (MASK_COLUMNS - 1).bit_length()

STRIP_RANGE = data.StructLayout(
    {
        "count": 12,  # output columns
        "first": PIXEL_BITS,  # number of the first one's pixel
        "last": 1,  # the pass's last strip
        "walking": 1,  # there are columns to look at
        "regular": 1,  # they begin with blocks
        "outlying": 1,  # some are to the right of the last output's first
        "sideways": 1,  # where the stride has phases: all are
        "shared": 1,  # there is a block with columns of both kinds
        "x": 12,  # the first column; those of outlying ones begin at ``beyond``
        "beyond": 12,
        "before": signed(8),  # 0, or less by as many columns as come before the image's first
        "place": signed(PLACE_BITS),  # of the first tap's pixel; by blocks, that of the mask word's column 0
        "aside": signed(PLACE_BITS),  # likewise of the first outlying column
        "ahead": signed(14),  # columns that follow the first one or its block, of its kind, less 1
        "outside": signed(14),  # those that follow the first outlying one, less 1
        "limit": COLUMN_BITS,  # the last column by blocks, in its mask word
        "phase": COLUMN_BITS,  # of the strip's left column
        "turn": COLUMN_BITS,  # phases from there to the next mask word's
        "seen": signed(14),  # columns from one stride before that which completes pixel 0 to the block's end
        "done": 12,  # pixels that are complete before
    }
)
"""How a strip's columns are gone over: :class:`~.column_blocks.ColumnBlocks` tells of what is what."""


class StripRange(wiring.Component):
    """Works out a strip's range while the one before is walked: each sum goes into a register, and that is
    taken as settled after so many cycles as a sum of sums takes.

    Latency ``LATENCY`` cycles, throughput a strip in ``LATENCY + 1``.
    """

    LATENCY = 6

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(STRIP_COLUMNS)),
                "o": Out(stream.Signature(STRIP_RANGE)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, found = self.layer, self.o.p
        strip = Signal(STRIP_COLUMNS, reset_less=True)
        there, settling = Signal(), Signal(self.LATENCY - 1)
        m.d.comb += [self.i.ready.eq(~there), self.o.valid.eq(settling[-1])]
        with m.If(self.i.ready):
            m.d.sync += [strip.eq(self.i.p), there.eq(self.i.valid)]
        m.d.sync += settling.eq(Cat(there, settling))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [there.eq(0), settling.eq(0)]

        def number(name: str) -> Signal:
            return Signal(signed(14), name=name, reset_less=True)

        # Constants of the layer.
        block, phases = Signal(COLUMN_BITS), Signal(COLUMN_BITS)  # columns of a block, of the stride, less 1
        by_block = Signal()
        overlap = number("overlap")  # columns that neighbouring receptive fields share, less 1
        edge = number("edge")  # the image's last column
        m.d.sync += [
            block.eq((1 << layer.block_log2) - 1),
            phases.eq((1 << layer.stride_log2) - 1),
            by_block.eq(layer.stride == (1 << layer.stride_log2)),
            overlap.eq(layer.span - layer.stride),
            edge.eq(layer.in_width - 1),
        ]

        # From strip to range, one line a cycle.
        origin, right, beside, room, inner = map(number, ("origin", "right", "beside", "room", "inner"))
        cut = Signal(reset_less=True)  # the strip's last column is beside the image
        high, gap, placed, seen_before = map(number, ("high", "gap", "placed", "seen_before"))
        x, limit = number("x"), number("limit")
        block_end = Cat(x[:COLUMN_BITS] | block, x[COLUMN_BITS:]).as_signed()
        word = Cat(Mux(found.regular, 0, x[:COLUMN_BITS]), x[COLUMN_BITS:]).as_signed()
        m.d.sync += [
            origin.eq(strip.left + overlap),
            right.eq(strip.beyond + overlap),
            beside.eq(edge - strip.beyond),
            room.eq(edge - strip.left),
            inner.eq(strip.beyond - 1),
            found.regular.eq(by_block & (strip.beyond > 0)),
            found.sideways.eq(by_block & (strip.beyond <= 0)),
            found.aside.eq(strip.count - layer.dilation),
            #
            cut.eq(beside < overlap),
            x.eq(
                Mux(by_block & ~found.regular, strip.beyond, Mux(by_block & (strip.left < 0), 0, strip.left))
            ),
            found.walking.eq(~strip.still & (right >= 0) & (room >= 0)),
            #
            high.eq(Mux(cut, edge, right)),
            gap.eq(Mux(cut, beside, overlap)),  # from ``beyond`` to ``high``
            found.before.eq(Mux(x < 0, x, 0)),
            seen_before.eq(x - origin - 1),
            found.seen.eq(block_end - origin),
            placed.eq(word - strip.left),
            #
            limit.eq(Mux(gap < 0, high, inner)),
            found.outside.eq(gap - 1),
            found.outlying.eq(gap >= 0),
            found.place.eq(placed >> layer.stride_log2),
            found.done.eq(Mux(by_block & (seen_before >= 0), seen_before >> layer.stride_log2, 0)),
            #
            found.ahead.eq(Mux(found.regular, limit, high) - Mux(found.regular, block_end, x) - 1),
            found.shared.eq(found.outlying & ((limit[:COLUMN_BITS] & block) != block)),
            found.limit.eq(limit),
        ]
        m.d.sync += [found.phase.eq(strip.left & phases), found.turn.eq(-strip.left & phases)]
        m.d.comb += [
            found.count.eq(strip.count),
            found.first.eq(strip.first),
            found.last.eq(strip.last),
            found.x.eq(x),
            found.beyond.eq(strip.beyond),
        ]
        m.d.sync += Assert(~(self.i.valid & self.i.ready) | (self.i.p.count != 0))
        return m
