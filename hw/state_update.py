"""The state: accumulators kept from frame to frame."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ACC_BITS, ADDRESS_BITS, ArrayConfig
from stillframe.contract.memory_map import Memory as Region

from .payloads import sum_word
from .signatures import COLUMN_BITS, HostBus, LayerSignature


class StateUpdate(wiring.Component):
    """Adds the stored accumulators to a word of sums and keeps the result
    (Z in docs/architecture.md).

    With ``use_state`` in a key frame the sums are kept as they are; without it nothing is added or kept. Sums
    wrap at ``ACC_BITS`` bits: the compiler proves that the final value fits. Latency ``LATENCY`` cycles,
    throughput one word a cycle.

    ``host`` reads and writes the state while no layer runs.
    """

    LATENCY = 3

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
        m.submodules.state = memory = Memory(shape=shape, depth=config.state_words, init=[])
        write, read = memory.write_port(granularity=1), memory.read_port()

        advance = Signal()
        words = [Signal(sum_word(config), name=f"word_{n}", reset_less=True) for n in range(3)]
        valid = [Signal(name=f"valid_{n}") for n in range(3)]
        stored = Signal(shape, reset_less=True)
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            self.o.valid.eq(valid[2]),
            self.o.p.eq(words[2]),
            read.addr.eq(layer.state + self.i.p.offset),
            read.en.eq(advance),
        ]
        # The write happens in the cycle after the sum, from its register.
        address = Signal(ADDRESS_BITS, reset_less=True)
        storing = Signal()
        m.d.sync += storing.eq(0)
        with m.If(advance):
            m.d.sync += [valid[0].eq(self.i.valid), valid[1].eq(valid[0]), valid[2].eq(valid[1])]
            m.d.sync += [words[0].eq(self.i.p), words[1].eq(words[0]), words[2].eq(words[1])]
            m.d.sync += [
                stored.eq(read.data),
                address.eq(layer.state + words[1].offset),
                storing.eq(valid[1] & layer.use_state),
            ]
            for d in range(config.drain):
                kept = Mux(layer.use_state & ~layer.key, stored[d], 0)
                m.d.sync += words[2].z[d].eq((words[1].z[d] + kept)[:ACC_BITS].as_signed())
        m.d.comb += [
            write.addr.eq(address),
            *(write.data[d].eq(words[2].z[d]) for d in range(config.drain)),
            write.en.eq(Mux(storing, (1 << config.drain) - 1, 0)),
            Assert(~(storing & read.en & self.i.valid & (read.addr == write.addr))),
        ]

        # The host.
        column = Signal(COLUMN_BITS, reset_less=True)
        mine = Signal()
        reading = Signal(2)
        m.d.comb += mine.eq(host.memory == Region.STATE)
        m.d.sync += reading.eq(reading << 1)
        with m.If(host.w_en & mine):
            m.d.comb += write.addr.eq(host.row)
            for d in range(config.drain):
                m.d.comb += [
                    write.data[d].eq(host.w_data[:ACC_BITS].as_signed()),
                    write.en[d].eq(host.column == d),
                ]
        with m.If(host.r_en & mine):
            m.d.comb += [read.addr.eq(host.row), read.en.eq(1)]
            m.d.sync += [column.eq(host.column), reading.eq(1)]
        m.d.comb += host.r_valid.eq(reading[1])
        word = Signal(shape, reset_less=True)
        m.d.sync += word.eq(read.data)
        for d in range(config.drain):
            with m.If(reading[1] & (column == d)):
                m.d.comb += host.r_data.eq(word[d])
        return m
