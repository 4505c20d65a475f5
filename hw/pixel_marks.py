"""Counts the pixels of a strip that are complete as its columns are gone over."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .signatures import LayerSignature
from .strip_range import COLUMN_BITS

MARK_STEP = 15
"""Pixels that become complete at once, at most; a power of two less 1."""


class PixelMarks(wiring.Component):
    """Says how many pixels of a strip are incomplete behind each look: fewer with a block's last one, none
    with the strip's last one.

    Ports:
        load: A strip begins: ``count`` pixels, of which ``done`` are complete before the first look, and
            ``seen`` columns up to the first block's end, counted from a stride before that which completes
            pixel 0.
        advance: A look is given. What it is, one of:
        marking: It has no columns: so many pixels become complete as may, up to those of before the first
            look while ``walking``, else all. ``last_mark``: with it these are.
        ending: A block's last look.
        finishing: The strip's last one. ``few``: all may become complete with it, and do; else none does.
        after, end: Pixels that are incomplete behind the look, and whether these are fewer.
    """

    load: Signal
    count: Signal
    done: Signal
    seen: Signal
    advance: Signal
    marking: Signal
    walking: Signal
    ending: Signal
    finishing: Signal
    last_mark: Signal
    few: Signal
    after: Signal
    end: Signal

    def __init__(self) -> None:
        inputs = ("load", "advance", "marking", "walking", "ending", "finishing")
        super().__init__(
            {name: In(1) for name in inputs}
            | {name: Out(1) for name in ("last_mark", "few", "end")}
            | {"layer": In(LayerSignature()), "after": Out(12)}
            | {"count": In(12), "done": In(12), "seen": In(signed(14))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer
        by_block, block = Signal(), Signal(COLUMN_BITS)  # columns of a block, less 1
        m.d.sync += [
            by_block.eq(layer.stride == (1 << layer.stride_log2)),
            block.eq((1 << layer.block_log2) - 1),
        ]

        count = Signal(12, reset_less=True)
        left, due = Signal(12, reset_less=True), Signal(12, reset_less=True)  # behind this block
        done, marks = Signal(12, reset_less=True), Signal(12)
        m.d.comb += [
            marks.eq(Mux(self.walking, done, left)),
            self.last_mark.eq(_few(marks)),
            self.few.eq(_few(left)),
            self.after.eq(left),
        ]
        with m.If(self.marking):
            m.d.comb += [
                self.after.eq(left - Mux(self.last_mark, marks & MARK_STEP, MARK_STEP)),
                self.end.eq(marks.any()),
            ]
        with m.Elif(self.finishing):
            m.d.comb += [self.after.eq(Mux(self.few, 0, left)), self.end.eq(self.few)]
        with m.Elif(self.ending):
            m.d.comb += [self.after.eq(due), self.end.eq(due != left)]
        with m.If(self.advance):
            m.d.sync += [left.eq(self.after), done.eq(done - MARK_STEP)]

        # The end of the block behind; where a stride has no phases, columns since a pixel became complete.
        seen = Signal(signed(14), reset_less=True)
        at_stride = seen == layer.stride
        pixels = Mux(seen < 0, 0, seen >> layer.stride_log2)[:12]
        with m.If(self.advance & (self.ending | (self.marking & self.last_mark))):
            m.d.sync += [
                due.eq(Mux(by_block, count, due) - Mux(by_block, pixels, at_stride)),
                seen.eq(Mux(by_block | ~at_stride, seen + block + 1, 1)),
            ]
        with m.If(self.load):
            m.d.sync += [
                count.eq(self.count),
                left.eq(self.count),
                due.eq(self.count),
                done.eq(self.done),
                seen.eq(self.seen),
            ]
        m.d.sync += Assert(~(self.advance & self.end) | ((self.after < left) & (left <= count)))
        return m


def _few(pixels: Value) -> Value:
    """Whether so many pixels of a strip, 0 or more, may become complete at once."""
    return pixels[MARK_STEP.bit_length() : 12] == 0
