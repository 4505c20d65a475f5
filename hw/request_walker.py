"""Asks for the mask words of each look, in the kernel rows and channel words of its pass."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS

from .column_blocks import LOOK
from .payloads import REQUEST
from .signatures import LayerSignature
from .strip_walker import PASS

POSITION = data.StructLayout({"masks": ADDRESS_BITS, "events": ADDRESS_BITS, "weight": ADDRESS_BITS})
"""Where a channel word of a kernel row begins, in each memory."""


class RequestWalker(wiring.Component):
    """For each look, for each live kernel row downwards, for each channel word: a request. A look without
    columns gives one request without any.

    Latency 1 cycle. Throughput: a request a cycle, from look to look and from pass to pass as well; a cycle
    more for each kernel row that is not live between two that are. Those above the first live one are passed
    over while the pass before is walked, a cycle each.

    Ports:
        busy: A pass is waiting or walked, or a request is offered.
        passes: A pass is over with its last look.
    """

    busy: Signal
    passes: stream.Interface
    looks: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "busy": Out(1),
                "passes": In(stream.Signature(PASS)),
                "looks": In(stream.Signature(LOOK)),
                "o": Out(stream.Signature(REQUEST)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, look, request = self.layer, self.looks.p, self.o.p
        # The pass to come, brought to its first live kernel row, and the one that is walked.
        waiting, walked = Signal(PASS, reset_less=True), Signal(PASS, reset_less=True)
        waits, settled, walks = Signal(), Signal(), Signal()
        begin, done = Signal(), Signal()
        alone = [
            Signal(name=f"alone_{n}", reset_less=True) for n in range(2)
        ]  # their first row is their last
        m.d.comb += [
            self.passes.ready.eq(~waits),
            begin.eq(settled & (~walks | (done & look.last))),
            self.busy.eq(waits | walks | self.o.valid),
        ]
        with m.If(~waits):
            m.d.sync += [waits.eq(self.passes.valid), waiting.eq(self.passes.p)]
        with m.Elif(begin):
            m.d.sync += [waits.eq(0), settled.eq(0)]
        with m.Elif(waiting.live[0] | (waiting.live == 0)):
            m.d.sync += [settled.eq(1), alone[0].eq(~waiting.live[1:].any())]
        with m.Else():
            m.d.sync += [*self._down(waiting, waiting), waiting.live.eq(waiting.live >> 1)]

        # The walk through a look. What decides where it goes on is known a cycle before.
        row, word = Signal(POSITION, reset_less=True), Signal(POSITION, reset_less=True)
        left_words = Signal(12, reset_less=True)  # channel words behind this one
        live = Signal(len(waiting.live), reset_less=True)  # this kernel row, and those below it
        last_word, lowest = Signal(reset_less=True), Signal(reset_less=True)  # no word, no live row follows
        words, single = Signal(12), Signal()  # the same as these two, at the first word
        step, done_row, advance = Signal(), Signal(), Signal()
        m.d.sync += [
            words.eq(Mux(layer.depthwise, 0, layer.in_words - 1)),
            single.eq(layer.depthwise | (layer.in_words == 1)),
        ]
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            step.eq(advance & self.looks.valid & walks),
            done_row.eq(last_word | ~live[0]),
            done.eq(step & (look.mark | (lowest & done_row))),
            self.looks.ready.eq(done),
        ]
        with m.If(step):
            m.d.sync += [
                left_words.eq(left_words - 1),
                last_word.eq(left_words == 1),
                word.masks.eq(word.masks + layer.in_mask_words),
                word.events.eq(word.events + layer.in_width),
                word.weight.eq(word.weight + layer.word_row),
            ]
            with m.If(done_row):
                m.d.sync += [
                    live.eq(live >> 1),
                    lowest.eq(~live[2:].any()),
                    *self._down(row, row),
                    *self._down(word, row),
                ]
            with m.If(done_row | done):
                m.d.sync += [left_words.eq(words), last_word.eq(single)]
        with m.If(done):
            m.d.sync += [live.eq(walked.live), lowest.eq(alone[1]), *_at(row, walked), *_at(word, walked)]
            with m.If(look.last):
                m.d.sync += walks.eq(0)
        with m.If(begin):
            m.d.sync += [
                walks.eq(1),
                walked.eq(waiting),
                alone[1].eq(alone[0]),
                live.eq(waiting.live),
                lowest.eq(alone[0]),
                left_words.eq(words),
                last_word.eq(single),
                *_at(row, waiting),
                *_at(word, waiting),
            ]

        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(step & (look.mark | live[0])),
                request.address.eq(word.masks + look.word),
                request.events.eq(word.events + look.word * MASK_COLUMNS),
                request.columns.eq(look.columns),
                request.weight.eq(word.weight + look.weight),
                request.tap.eq(look.tap),
                request.place.eq(look.place),
                request.first.eq(look.first),
                request.complete.eq(look.complete),
                request.end.eq(look.end & done),
                request.final.eq(walked.final),
            ]
        m.d.sync += [
            Assert(~(step & look.mark) | (look.end & (left_words == words))),
            Assert(~(step & ~look.mark) | (live != 0)),
        ]
        return m

    def _down(
        self, target: data.View[data.StructLayout], source: data.View[data.StructLayout]
    ) -> list[Value]:
        """To the kernel row below."""
        layer = self.layer
        return [
            target.masks.eq(source.masks + layer.mask_step),
            target.events.eq(source.events + layer.event_step),
            target.weight.eq(source.weight + layer.kernel_row),
        ]


def _at(target: data.View[data.StructLayout], source: data.View[data.StructLayout]) -> list[Value]:
    """To where a pass begins."""
    return [target[name].eq(source[name]) for name, _ in POSITION]
