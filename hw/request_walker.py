"""Asks for the mask words of each look, in the kernel rows and channel words of its pass."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS

from .column_blocks import LOOK
from .early import early
from .payloads import REQUEST
from .selecting_adder import SelectingAdder
from .signatures import LayerSignature
from .strip_walker import PASS


class RequestWalker(wiring.Component):
    """For each look, for each live kernel row downwards, for each channel word: a request. A look without
    columns gives one request without any.

    Latency 1 cycle. Throughput: a request a cycle, from look to look and from pass to pass as well; a cycle
    more for each kernel row that is not live between two that are. Those above the first live one are passed
    over while the pass before is walked, a cycle each.

    Args:
        late: The consumer's ready comes from far away: all else is settled beside it.

    Ports:
        busy: A pass is waiting or walked, or a request is offered.
        passes: A pass is over with its last look.
    """

    busy: Signal
    passes: stream.Interface
    looks: stream.Interface
    o: stream.Interface

    def __init__(self, late: bool = False) -> None:
        self._late = late
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
        # Of both: there is no live row but the first, none but the first and the next.
        alone, pair = (
            [Signal(name=f"{name}_{n}", reset_less=True) for n in range(2)] for name in ("alone", "pair")
        )
        third = waiting.live[2:].any()
        step, advance = Signal(), Signal()
        done_look = Signal(reset_less=True)  # behind this step there is none in its look
        goes_on: Value = self.looks.valid & walks
        ends: Value = goes_on & (look.mark | done_look)
        begins: Value = settled & ~walks
        begins_behind: Value = settled & ends & look.last
        if self._late:
            goes_on, ends = early(m, "goes_on", goes_on), early(m, "ends", ends)
            begins, begins_behind = early(m, "begins", begins), early(m, "begins_behind", begins_behind)
        m.d.comb += [
            self.passes.ready.eq(~waits),
            begin.eq(begins | (advance & begins_behind)),
            self.busy.eq(waits | walks | self.o.valid),
        ]
        with m.If(~waits):
            m.d.sync += [waits.eq(self.passes.valid), waiting.eq(self.passes.p)]
        with m.Elif(begin):
            m.d.sync += [waits.eq(0), settled.eq(0)]
        with m.Elif(waiting.live[0] | waiting.still):
            m.d.sync += [settled.eq(1), alone[0].eq(~(waiting.live[1] | third)), pair[0].eq(~third)]
        with m.Else():
            m.d.sync += waiting.live.eq(waiting.live >> 1)
            m.d.sync += [waiting[name].eq(waiting[name] + down) for name, down in self._down()]
        with m.If(begin):
            m.d.sync += [walked.eq(waiting), alone[1].eq(alone[0]), pair[1].eq(pair[0])]

        # Where the walk through a look is. What decides where it goes on is known a cycle before.
        in_first = Signal(reset_less=True)  # the look's first row
        live = Signal(reset_less=True)  # this row is
        below = Signal(len(waiting.live) - 1, reset_less=True)  # those below, but for the first row
        lowest = Signal(reset_less=True)  # no live row follows
        done_row = Signal(reset_less=True)  # no word of this row does, or it is not live; done_look: both
        left_words = Signal(12, reset_less=True)  # channel words behind this one
        to_look, to_row = Signal(reset_less=True), Signal(reset_less=True)  # a look, a row begins here
        words, single = Signal(12), Signal()  # ``left_words`` at a row's first word, and whether that is 0
        m.d.sync += [
            words.eq(Mux(layer.depthwise, 0, layer.in_words - 1)),
            single.eq(layer.depthwise | (layer.in_words == 1)),
        ]
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            step.eq(advance & goes_on),
            done.eq(advance & ends),
            self.looks.ready.eq(done),
        ]
        with m.If(step):
            m.d.sync += [
                to_look.eq(0),
                to_row.eq(done_row),
                left_words.eq(left_words - 1),
                done_row.eq(left_words == 1),
                done_look.eq(lowest & (left_words == 1)),
            ]
        with m.If(step & done_row):
            rows = Mux(in_first, walked.live[1:], below)
            none_below = Mux(in_first, pair[1], ~below[1:].any())
            m.d.sync += [
                in_first.eq(0),
                Cat(live, below).eq(rows),
                lowest.eq(none_below),
                done_row.eq(single | ~rows[0]),
                done_look.eq(none_below & (single | ~rows[0])),
            ]
        with m.If(done):
            m.d.sync += [lowest.eq(alone[1]), done_look.eq(alone[1] & single)]
        with m.If(begin):
            m.d.sync += [lowest.eq(alone[0]), done_look.eq(alone[0] & single)]
        with m.If(done | begin):
            m.d.sync += [to_look.eq(1), to_row.eq(0), in_first.eq(1), live.eq(1), done_row.eq(single)]
        with m.If((step & done_row) | done | begin):
            m.d.sync += left_words.eq(words)
        with m.If(begin):
            m.d.sync += walks.eq(1)
        with m.Elif(done & look.last):
            m.d.sync += walks.eq(0)

        # From one request's addresses to the next one's; those of the row's first word are kept.
        aside = {"masks": look.word, "events": look.word * MASK_COLUMNS, "weight": look.weight}
        across = {"masks": layer.in_mask_words, "events": layer.in_width, "weight": layer.word_row}
        targets = {"masks": request.address, "events": request.events, "weight": request.weight}
        turns = to_look | to_row
        for name, down in self._down():
            row, word = Signal(ADDRESS_BITS, name=f"row_{name}", reset_less=True), targets[name]
            m.submodules[f"adder_{name}"] = adder = SelectingAdder(ADDRESS_BITS)
            m.d.comb += [
                adder.select.eq(turns),
                adder.a.eq(Mux(to_look, walked[name], Mux(to_row, row, word))),
                adder.b.eq(Mux(to_look, aside[name], down)),
                adder.c.eq(across[name]),
            ]
            with m.If(step):
                m.d.sync += word.eq(adder.o)
            with m.If(step & turns):
                m.d.sync += row.eq(adder.o)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(step & (look.mark | live)),
                request.columns.eq(look.columns),
                request.tap.eq(look.tap),
                request.place.eq(look.place),
                request.first.eq(look.first),
                request.complete.eq(look.complete),
                request.end.eq(look.end & done),
                request.final.eq(walked.final),
            ]
        m.d.sync += [
            Assert(~(step & look.mark) | (look.end & to_look)),
            Assert(~(step & ~look.mark) | live | below.any()),
        ]
        return m

    def _down(self) -> list[tuple[str, Value]]:
        """How far a kernel row is from the one above."""
        layer = self.layer
        return [("masks", layer.mask_step), ("events", layer.event_step), ("weight", layer.kernel_row)]
