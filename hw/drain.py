"""Drains the array: from the sums of all lanes to one activation word of accumulators a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from amaranth.hdl import Assert, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS, ArrayConfig

from .early import early
from .lane_sums import LaneSums
from .payloads import ACCUMULATOR, PIXEL_BITS, STRIP, placed, sum_word
from .signatures import LayerSignature

BORDER_STAGES = 3
"""Cycles to find a word's PARAMS row from the kernel columns outside the image."""


class Drain(wiring.Component):
    """Takes the pixels of strips in order, each when it is complete. One that was touched, or any of a strip
    of which ``everything`` is wanted, gives ``pass_words`` words (``last_words`` in a ``final`` pass), a
    cycle each; others are passed over in a cycle. There is no gap between pixels nor between strips.

    Latency ``latency`` cycles from the cycle in which a word begins. A word that has begun is never
    stopped: ``o`` is always taken.

    Ports:
        start: Pulse before a layer: pixels count from 0.
        may: A word may begin in this cycle; begins: one does.
        busy: There are pixels to be drained, or words under way.
        strips: What is to be drained.
        pixel, complete, touched, touches, acc, release: To the array, see :class:`~.mac_array.MacArray`.
        o: Words of sums, each with its place.
    """

    start: Signal
    may: Signal
    begins: Signal
    busy: Signal
    pixel: Signal
    complete: Signal
    touched: Signal
    touches: data.View[data.ArrayLayout]
    acc: data.View[data.ArrayLayout]
    release: Signal
    strips: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._sums = LaneSums(config)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "may": In(1),
                "begins": Out(1),
                "busy": Out(1),
                "strips": In(stream.Signature(STRIP)),
                "pixel": Out(PIXEL_BITS),
                "complete": In(1),
                "touched": In(1),
                "touches": In(data.ArrayLayout(config.taps, config.banks)),
                "acc": In(data.ArrayLayout(ACCUMULATOR, config.total_lanes)),
                "release": Out(1),
                "o": Out(stream.Signature(placed(sum_word(config)))),
            }
        )

    @property
    def latency(self) -> int:
        """Stages behind the array."""
        return max(BORDER_STAGES, self._sums.latency)

    @property
    def _place_is_late(self) -> bool:
        """Whether a word's place follows a cycle behind what is decided: several banks decide late, and their
        sums take longer than places."""
        return self._config.banks > 1 and self._sums.latency > BORDER_STAGES

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer, late = self._config, self.layer, self._place_is_late

        # The strip under way: pixels left of it, and what changes from pixel to pixel and from word to word.
        strip = Signal(STRIP, reset_less=True)
        active, last_pixel = Signal(), Signal(reset_less=True)
        passing = Signal()  # there is one, whose untouched pixels are passed over
        words = [Signal(7, name=f"words_{final}", reset_less=True) for final in range(2)]
        word, last_word = Signal(7), Signal()  # the latter only while there is a strip
        m.d.sync += [words[0].eq(layer.pass_words), words[1].eq(layer.last_words)]
        may_begin, may_end = active & self.may, last_word & self.may
        if config.banks > 1:
            # What they say together of the pixel comes late: all else is settled beside it.
            may_begin, may_end = early(m, "may_begin", may_begin), early(m, "may_end", may_end)
        ends, passes = may_end & last_pixel, passing & last_pixel  # the strip
        # Whether it is the last word: behind a word, behind a pixel, or else.
        first_ends, coming_ends = (self._single(one, words) for one in (strip, self.strips.p))
        coming_ends = self.strips.valid & coming_ends
        behind_word: Value = word + 2 == Mux(strip.final, *reversed(words))
        behind_pixel: Value = Mux(last_pixel, coming_ends, first_ends)
        else_ends: Value = Mux(active, last_word, coming_ends)
        if config.banks > 1:
            ends, passes = early(m, "ends", ends), early(m, "passes", passes)
            behind_pixel, else_ends = early(m, "behind_pixel", behind_pixel), early(m, "else_ends", else_ends)
        m.d.comb += [
            self.begins.eq(self.complete & may_begin & (self.touched | ~passing)),
            self.release.eq(self.complete & (may_end | (passing & ~self.touched))),
            self.strips.ready.eq(~active | (self.complete & (ends | (passes & ~self.touched)))),
        ]
        m.d.sync += last_word.eq(Mux(self.release, behind_pixel, Mux(self.begins, behind_word, else_ends)))

        # Where its words belong: after what is decided, before a strip that is taken replaces this one.
        begun, released, taken = self.begins, self.release, self.strips.ready
        there, coming = strip, self.strips.p
        if late:
            begun, released, taken = (self._later(m, signal) for signal in (begun, released, taken))
            there, coming = Signal(STRIP, reset_less=True), self._later(m, coming)
        offset, row = Signal(ADDRESS_BITS, reset_less=True), Signal(16, reset_less=True)
        right = Signal(signed(15), reset_less=True)  # kernel columns to the right of the image, if positive
        beyond = Signal(signed(14), reset_less=True)
        m.d.sync += beyond.eq(layer.kernel_columns - layer.in_width)
        with m.If(self.begins):
            m.d.sync += word.eq(word + 1)
        with m.If(begun):
            m.d.sync += [offset.eq(offset + layer.out_width), row.eq(row + 1)]
        with m.If(self.release):
            m.d.sync += [
                self.pixel.eq(self.pixel + 1),
                word.eq(0),
                strip.count.eq(strip.count - 1),
                last_pixel.eq(strip.count == 2),
            ]
        with m.If(released):
            m.d.sync += [
                offset.eq(there.offset + 1),
                row.eq(there.row),
                there.offset.eq(there.offset + 1),
                there.x.eq(there.x + 1),
                there.left.eq(there.left + layer.stride),
                right.eq(right + layer.stride),
            ]
        with m.If(self.strips.ready):
            m.d.sync += [
                active.eq(self.strips.valid),
                passing.eq(self.strips.valid & ~self.strips.p.everything),
                strip.eq(self.strips.p),
                last_pixel.eq(self.strips.p.count == 1),
            ]
        with m.If(taken):
            m.d.sync += [
                offset.eq(coming.offset),
                row.eq(coming.row),
                right.eq(coming.left + beyond),
            ]
            if late:
                m.d.sync += there.eq(coming)
        with m.If(self.start):
            m.d.sync += self.pixel.eq(0)

        m.submodules.sums = sums = self._sums
        for name in layer.signature.members:
            m.d.comb += getattr(sums.layer, name).eq(getattr(layer, name))
        m.d.comb += [
            sums.word.eq(word),
            sums.touches.eq(self.touches),
            sums.acc.eq(self.acc),
        ]

        # What goes with the sums, stage by stage; sums that come early wait.
        payload = placed(sum_word(config))
        stages = [Signal(payload, name=f"word_{n}", reset_less=True) for n in range(self.latency)]
        valid = Signal(self.latency)
        whole = (1 << config.drain) - 1
        partial = Signal(config.drain, reset_less=True)
        m.d.sync += [
            partial.eq(whole >> (config.drain - layer.out_valid)[:6]),
            valid.eq(valid << 1 | self.begins),
            *(after.eq(before) for before, after in pairwise(stages)),
            stages[late].word.offset.eq(offset),
            stages[late].word.row.eq(row),
            stages[0].word.valid.eq(Mux(strip.final & last_word, partial, whole)),
            stages[late].place.y.eq(there.y),
            stages[late].place.mask.eq(there.mask),
            stages[late].place.column.eq(there.x),
            stages[late].place.block.eq(there.x // MASK_COLUMNS),
            stages[0].place.first.eq(word == 0),
            stages[0].place.last.eq(last_word),
        ]
        self._border(m, stages[late:], there.left, right)
        for n in range(sums.latency, self.latency):
            before = sums.z if n == sums.latency else stages[n - 1].word.z
            m.d.sync += [stages[n].word.z[d].eq(before[d]) for d in range(config.drain)]
        m.d.comb += [self.o.p.eq(stages[-1]), self.o.valid.eq(valid[-1]), self.busy.eq(active | valid.any())]
        if sums.latency == self.latency:
            m.d.comb += [self.o.p.word.z[d].eq(sums.z[d]) for d in range(config.drain)]

        m.d.sync += [
            Assert(~(self.strips.valid & self.strips.ready) | (self.strips.p.count != 0), "an empty strip"),
            Assert(~self.start | ~self.busy, "started while pixels wait"),
            Assert(~active | (last_pixel == (strip.count == 1))),
            Assert(~last_word | active, "a word's end without a strip"),
            Assert(passing == (active & ~strip.everything), "passed over, or not"),
            Assert(~self.o.valid | self.o.ready, "a word that is not taken"),
        ]
        return m

    def _single(self, strip: data.View[data.StructLayout], words: Sequence[Value]) -> Value:
        """Whether a strip's pixels have one word."""
        return Mux(strip.final, *reversed(words)) == 1

    def _later(self, m: Module, signal: Any) -> Any:
        """A signal or a view of one, a cycle later."""
        later = Signal(signal.shape(), reset_less=True)
        m.d.sync += later.eq(signal)
        return later

    def _border(
        self, m: Module, stages: list[data.View[data.StructLayout]], left: Value, right: Value
    ) -> None:
        """Adds ``border_columns`` to the row for each kernel column beside the image: columns, their product
        two bits at a time, the sum.
        """
        missing = Signal(7, reset_less=True)
        parts = [Signal(14, name=f"part_{n}", reset_less=True) for n in range(4)]
        step = self.layer.border_columns
        m.d.sync += missing.eq(Mux(left < 0, -left, 0) + Mux(right > 0, right, 0))
        for n, part in enumerate(parts):
            low, *high = missing[2 * n : 2 * n + 2]
            m.d.sync += part.eq(Mux(low, step, 0) + (Mux(high[0], step << 1, 0) if high else 0))
        total = sum(part << 2 * n for n, part in enumerate(parts))
        m.d.sync += stages[2].word.row.eq(stages[1].word.row + total)
