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
        last_number = Signal(12)
        m.d.sync += last_number.eq(Mux(layer.depthwise, 0, layer.in_words - 1))

        # The pass to come, brought to its first live kernel row, and the one that is walked.
        waiting, walked = Signal(PASS, reset_less=True), Signal(PASS, reset_less=True)
        waits, walks = Signal(), Signal()
        begin, done = Signal(), Signal()
        still = waiting.live == 0
        m.d.comb += [
            self.passes.ready.eq(~waits),
            begin.eq(waits & (waiting.live[0] | still) & (~walks | (done & look.last))),
            self.busy.eq(waits | walks | self.o.valid),
        ]
        with m.If(self.passes.ready):
            m.d.sync += [waits.eq(self.passes.valid), waiting.eq(self.passes.p)]
        with m.Elif(begin):
            m.d.sync += waits.eq(0)
        with m.Elif(~waiting.live[0] & ~still):
            m.d.sync += [*self._down(waiting, waiting), waiting.live.eq(waiting.live >> 1)]

        # The walk through a look.
        row, word = Signal(POSITION, reset_less=True), Signal(POSITION, reset_less=True)
        number = Signal(12)  # of the channel word
        live = Signal(len(waiting.live), reset_less=True)  # this kernel row, and those below it
        mark, step, lowest, last_word, advance = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            step.eq(advance & self.looks.valid & walks),
            mark.eq(look.columns == 0),
            lowest.eq(~live[1:].any()),
            last_word.eq((number == last_number) | ~live[0]),
            done.eq(step & (mark | (lowest & last_word))),
            self.looks.ready.eq(done),
        ]
        with m.If(step & ~last_word):
            m.d.sync += [
                number.eq(number + 1),
                word.masks.eq(word.masks + layer.in_mask_words),
                word.events.eq(word.events + layer.in_width),
                word.weight.eq(word.weight + layer.word_row),
            ]
        with m.If(step & last_word):
            m.d.sync += [number.eq(0), live.eq(live >> 1), *self._down(row, row), *self._down(word, row)]
        with m.If(done):
            m.d.sync += [number.eq(0), live.eq(walked.live), *_at(row, walked), *_at(word, walked)]
            with m.If(look.last):
                m.d.sync += walks.eq(0)
        with m.If(begin):
            m.d.sync += [walks.eq(1), walked.eq(waiting)]
            m.d.sync += [number.eq(0), live.eq(waiting.live), *_at(row, waiting), *_at(word, waiting)]

        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(step & (mark | live[0])),
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
            Assert(~(step & mark) | (look.end & (number == 0))),
            Assert(~(step & ~mark) | (live != 0)),
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
