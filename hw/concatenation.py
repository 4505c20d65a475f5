"""The channels of two tensors one behind the other, packed into words without a gap."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig

from .payloads import placed, table_word
from .signatures import LayerSignature
from .window_reader import window_word


class Concatenation(wiring.Component):
    """Packs the channels of a pixel's words, of each the first ``count``, into whole words.

    An output word is due when its last channel has come; the last one when a word is ``ready``, which must
    leave no channels over. A word for which neither holds comes only where no channels wait (it is the
    first tensor's last one). Takes a word a cycle and cannot be stalled. Latency ``LATENCY`` cycles.

    Ports:
        done, o: An output word. Elements that its ``valid`` does not mark are anything.
        busy: A word is under way.
    """

    LATENCY = 1

    valid: Signal
    done: Signal
    busy: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "valid": In(1),
                "i": In(window_word(config)),
                "done": Out(1),
                "busy": Out(1),
                "o": Out(placed(table_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        drain, i = self._config.drain, self.i

        # What is known of the output word before this input word: of a new pixel, or of the same one.
        waiting = Signal(range(drain))  # channels that wait for the word to be full
        offset, row = Signal(ADDRESS_BITS, reset_less=True), Signal(16, reset_less=True)
        begun = Signal(reset_less=True)  # the pixel has given a word
        held = Signal.like(waiting)
        offset_here, row_here, first_here = Signal.like(offset), Signal.like(row), Signal()
        m.d.comb += [held.eq(waiting), offset_here.eq(offset), row_here.eq(row), first_here.eq(~begun)]
        with m.If(i.first):
            m.d.comb += [
                held.eq(0),
                offset_here.eq(i.output.word.offset),
                row_here.eq(i.output.word.row),
                first_here.eq(1),
            ]

        # Stage 1: how many channels there are then; the new ones, turned to where they belong.
        together = Signal(range(2 * drain + 1))
        full, done = Signal(), Signal()
        turned = i.output.word.codes.as_value()
        for bit, shift in enumerate(held):
            turned = Mux(shift, turned.rotate_left(8 << bit), turned)
        present = Signal()
        codes, keep = Signal(8 * drain, reset_less=True), Signal(drain, reset_less=True)
        output = Signal(placed(table_word(self._config)), reset_less=True)
        m.d.comb += [
            together.eq(held + i.count),
            full.eq(together >= drain),
            done.eq(full | i.ready),
        ]
        m.d.sync += [
            present.eq(self.valid),
            self.done.eq(self.valid & done),
            Assert(~(self.valid & i.ready) | (together <= drain)),
            Assert(~self.valid | done | (held == 0)),
            codes.eq(turned),
            *(keep[d].eq(held > d) for d in range(drain)),
            output.eq(i.output),
            output.word.offset.eq(offset_here),
            output.word.row.eq(row_here),
            output.place.first.eq(first_here),
        ]
        with m.If(self.valid):
            m.d.sync += [
                waiting.eq(together),
                begun.eq(~first_here | done),
                offset.eq(Mux(done, offset_here + self.layer.out_width, offset_here)),
                row.eq(row_here + done),
            ]

        # Stage 2: those that wait, and beside them the new ones; those of them that are over wait in turn.
        kept = Signal(8 * drain, reset_less=True)
        merged = Signal(8 * drain)
        for d in range(drain):
            byte = slice(8 * d, 8 * d + 8)
            m.d.comb += merged[byte].eq(Mux(keep[d], kept[byte], codes[byte]))
        with m.If(present):
            m.d.sync += kept.eq(codes)
        m.d.comb += [
            self.o.eq(output),
            self.o.word.codes.as_value().eq(merged),
            self.busy.eq(present),
        ]
        return m
