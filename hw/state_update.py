"""The state: accumulators kept from frame to frame."""

from __future__ import annotations

from amaranth.hdl import Array, Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ACC_BITS, ArrayConfig
from stillframe.contract.memory_map import Memory as Region

from .block_ram import BlockRam
from .payloads import sum_word
from .signatures import COLUMN_BITS, HostBus, LayerSignature

QUARTER = 4
"""Columns among which one is chosen in a cycle when the host reads."""


class StateUpdate(wiring.Component):
    """Adds the stored accumulators to a word of sums and keeps the result
    (Z in docs/architecture.md).

    With ``use_state`` in a key frame the sums are kept as they are; without it nothing is added or kept. Sums
    wrap at ``ACC_BITS`` bits: the compiler proves that the final value fits. Latency ``LATENCY`` cycles,
    throughput one word a cycle.

    ``host`` reads and writes the state while no layer runs; it has an answer after ``HOST_LATENCY`` cycles.
    """

    LATENCY = 3 + BlockRam.LATENCY
    HOST_LATENCY = 4 + BlockRam.LATENCY

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "host": In(HostBus()),
                "i": In(stream.Signature(sum_word(config))),
                "o": Out(stream.Signature(sum_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer, host = self._config, self.layer, self.host
        shape = data.ArrayLayout(signed(ACC_BITS), config.drain)
        m.submodules.state = state = BlockRam(config.state_words, shape.size, config.drain)
        mine = host.memory == Region.STATE

        # Stage 1: the address; 3: the block's register has the word; 4: what of it is added; 5: the sum.
        advance, adding = Signal(), Signal()
        answering = Signal()
        reading, column = Signal(2 + BlockRam.LATENCY), Signal(COLUMN_BITS, reset_less=True)  # the host
        words, valid = [self.i.p], [self.i.valid]
        m.d.comb += advance.eq(~self.o.valid | self.o.ready)
        with m.If(advance):
            for n in range(1, self.LATENCY + 1):
                word, full = (
                    Signal.like(words[0], name=f"word_{n}", reset_less=True),
                    Signal(name=f"valid_{n}"),
                )
                m.d.sync += [word.eq(words[-1]), full.eq(valid[-1])]
                words.append(word)
                valid.append(full)
        address = Signal(range(config.state_words), reset_less=True)
        stored = Signal(shape, reset_less=True)
        m.d.sync += adding.eq((layer.use_state & ~layer.key) | reading.any())
        m.d.comb += [
            state.read_address.eq(address),
            state.read_en.eq(advance),
            state.out_en.eq(advance),
            self.i.ready.eq(advance),
            self.o.valid.eq(valid[-1]),
            self.o.p.eq(words[-1]),
        ]
        with m.If(advance):
            m.d.sync += address.eq(Mux(host.r_en & mine, host.row, layer.state + self.i.p.offset))
            m.d.sync += stored.as_value().eq(Mux(adding, state.read_data, 0))
            for d in range(config.drain):
                total = (words[-2].z[d] + stored[d])[:ACC_BITS]
                m.d.sync += words[-1].z[d].eq(total.as_signed())

        # A sum is written from its register, like what the host gives, over another.
        fresh = Signal()
        m.d.sync += [
            fresh.eq(advance & valid[-2] & layer.use_state),
            state.write_en.eq(fresh.replicate(config.drain)),
            state.write_address.eq(layer.state + words[-1].offset),
            state.write_data.eq(Cat(z[:ACC_BITS] for z in words[-1].z)),
        ]
        with m.If(host.w_en & mine):
            m.d.sync += [
                state.write_en.eq(1 << host.column),
                state.write_address.eq(host.row),
                state.write_data.eq(host.w_data[:ACC_BITS].replicate(config.drain)),
            ]
        m.d.comb += Assert(
            ~(state.write_en.any() & advance & valid[1] & (state.write_address == state.read_address))
        )

        # What the host reads takes the same way as what is added. A column's number steers wide multiplexers:
        # its upper bits choose a cycle later.
        with m.If(host.r_en & mine):
            m.d.sync += column.eq(host.column)
        m.d.sync += [
            reading.eq(Cat(host.r_en & mine, reading)),
            answering.eq(reading[-1]),
            host.r_valid.eq(answering),
            host.r_data.eq(0),
        ]
        quarters = -(-config.drain // QUARTER)
        found = Signal(data.ArrayLayout(signed(ACC_BITS), quarters), reset_less=True)
        for n, quarter in enumerate(found):
            own = Array(stored[d] for d in range(QUARTER * n, min(QUARTER * (n + 1), config.drain)))
            m.d.sync += quarter.eq(own[column[:2]])
        with m.If(answering):
            m.d.sync += host.r_data.eq(Array(found)[column[2:]] if quarters > 1 else found[0])
        return m
