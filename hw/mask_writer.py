"""Gathers the events of a tensor into mask words and row flags."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_BITS, ArrayConfig

from .payloads import mask_update
from .signatures import LayerSignature


class MaskWriter(wiring.Component):
    """Writes each mask word once, rows in order, and one flag for each row of the tensor.

    Updates come with rising offsets; those that never come have no events. Of a row with events every word
    is written; of a row without, only the words (all 0) before its last update, and its flag is cleared.
    Throughput: one update a cycle within a row; at most a cycle more for each row and for each mask word
    left out.

    Ports:
        start: Pulse, before the tensor's first update; finish: pulse, after its last one was taken.
        busy: From ``finish`` until the last row is closed.
        retired: An update with ``last`` was taken.
        mask_*, flag_*: The writes.
    """

    start: Signal
    finish: Signal
    busy: Signal
    retired: Signal
    mask_en: Signal
    mask_address: Signal
    mask_bits: Signal
    flag_en: Signal
    flag_row: Signal
    flag: Signal
    i: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "finish": In(1),
                "busy": Out(1),
                "retired": Out(1),
                "i": In(stream.Signature(mask_update(config))),
                "mask_en": Out(1),
                "mask_address": Out(ADDRESS_BITS),
                "mask_bits": Out(MASK_BITS),
                "flag_en": Out(1),
                "flag_row": Out(14),
                "flag": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        log2 = config.mask_words_log2
        pitch = layer.out_pitch >> log2

        row = Signal(12)
        width = ADDRESS_BITS - log2 + 1  # of mask words, counted from the tensor's first
        row_end = Signal(width)  # the next row's first mask word
        here = Signal(width)  # the mask word being gathered
        bits = Signal(MASK_BITS)
        flagged = Signal()  # the row has a mask word with events, written before

        wanted = Signal(width)
        placed = Signal(MASK_BITS)
        same, row_done, step, close = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            wanted.eq(self.i.p.offset >> log2),
            placed.eq(self.i.p.bits << (self.i.p.offset[:log2] * config.drain)),
            same.eq(wanted == here),
            row_done.eq(self.i.valid & (wanted >= row_end)),
            # The row is over: what is left of it has no events.
            close.eq(row_done | self.busy),
            step.eq(self.i.valid & ~close & (wanted == here + 1)),
            self.i.ready.eq(~close & (same | step)),
            self.retired.eq(self.i.valid & self.i.ready & self.i.p.last),
            self.mask_address.eq(layer.out_masks + here),
            self.mask_bits.eq(bits),
            self.flag_row.eq(layer.out_rows + row),
            self.flag.eq(flagged | bits.any()),
            Assert(~self.i.valid | close | (wanted >= here)),
        ]
        with m.If(close):
            # Without events nothing needs writing; with events the row's words are written to its end.
            m.d.comb += self.mask_en.eq(self.flag)
            with m.If(self.flag & (here + 1 != row_end)):
                m.d.sync += [here.eq(here + 1), bits.eq(0), flagged.eq(1)]
            with m.Else():
                m.d.comb += self.flag_en.eq(1)
                m.d.sync += [
                    row.eq(row + 1),
                    here.eq(row_end),
                    row_end.eq(row_end + pitch),
                    bits.eq(0),
                    flagged.eq(0),
                ]
                with m.If(self.busy & (row == layer.out_height - 1)):
                    m.d.sync += self.busy.eq(0)
        with m.Elif(self.i.valid):
            with m.If(same):
                m.d.sync += bits.eq(bits | placed)
            with m.Else():
                m.d.comb += self.mask_en.eq(1)
                m.d.sync += [
                    here.eq(here + 1),
                    bits.eq(Mux(step, placed, 0)),
                    flagged.eq(self.flag),
                ]
        with m.If(self.finish):
            m.d.sync += self.busy.eq(1)
        with m.If(self.start):
            m.d.sync += [
                row.eq(0),
                row_end.eq(pitch),
                here.eq(0),
                bits.eq(0),
                flagged.eq(0),
                self.busy.eq(0),
            ]
        return m
