"""Drains the array: from the sums of all lanes to one activation word of accumulators a cycle."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ACC_BITS, ADDRESS_BITS, ArrayConfig

from .payloads import TAG, sum_word, sums
from .signatures import LayerSignature


class Drain(wiring.Component):
    """Takes sums and their tag, gives ``group_words`` words, or ``last_words`` after a pixel's last pass.

    The sums are held here, so the array goes on with the next pixel meanwhile. Latency ``LATENCY`` cycle,
    throughput one word a cycle without a gap between pixels.
    """

    LATENCY = 1

    i: stream.Interface
    tags: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(sums(config))),
                "tags": In(stream.Signature(TAG)),
                "o": Out(stream.Signature(sum_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        lanes = Signal(ACC_BITS * config.total_lanes, reset_less=True)
        offset = Signal(ADDRESS_BITS, reset_less=True)
        row = Signal(16, reset_less=True)
        final = Signal(reset_less=True)
        left = Signal(7)

        ending, taking = Signal(), Signal()
        partial = (1 << config.drain) - 1 >> (config.drain - layer.out_valid)[:3]
        m.d.comb += [
            self.o.valid.eq(left != 0),
            *(self.o.p.z[d].eq(lanes.word_select(d, ACC_BITS).as_signed()) for d in range(config.drain)),
            self.o.p.offset.eq(offset),
            self.o.p.row.eq(row),
            self.o.p.last.eq(left == 1),
            self.o.p.valid.eq(Mux(final & self.o.p.last, partial, (1 << config.drain) - 1)),
            ending.eq((left == 0) | ((left == 1) & self.o.ready)),
            taking.eq(ending & self.i.valid & self.tags.valid),
            self.i.ready.eq(taking),
            self.tags.ready.eq(taking),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                lanes.eq(lanes >> (ACC_BITS * config.drain)),
                offset.eq(offset + 1),
                row.eq(row + 1),
                left.eq(left - 1),
            ]
        with m.If(taking):
            m.d.sync += [
                lanes.eq(self.i.p.as_value()),
                offset.eq(self.tags.p.offset),
                row.eq(self.tags.p.row),
                final.eq(self.tags.p.final),
                left.eq(Mux(self.tags.p.final, layer.last_words, layer.group_words)),
            ]
        return m
