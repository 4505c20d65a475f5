"""The activation memory: for every tensor the codes last sent."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.memory_map import Memory as Region

from .signatures import HostBus


class CodeMemory(wiring.Component):
    """CODES, with one port to write and one to read, which the encoder, the window reader and the host share.

    The encoder goes first; the window reader is granted the cycles in which the encoder neither reads nor
    holds on to what it read (``encoder_idle``). The host comes only while no layer runs; it writes and reads
    up to four codes of a word, a column. Read data appears in the cycle after the read, at the host's port
    ``HOST_LATENCY`` cycles after it.
    """

    HOST_LATENCY = 2

    encoder_en: Signal
    encoder_idle: Signal
    encoder_address: Signal
    window_en: Signal
    window_grant: Signal
    window_address: Signal
    store_en: Signal
    store_address: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._codes = data.ArrayLayout(signed(8), config.drain)
        super().__init__(
            {
                "host": In(HostBus()),
                "encoder_en": In(1),
                "encoder_idle": In(1),
                "encoder_address": In(ADDRESS_BITS),
                "window_en": In(1),
                "window_grant": Out(1),
                "window_address": In(ADDRESS_BITS),
                "data": Out(self._codes),
                "store_en": In(1),
                "store_address": In(ADDRESS_BITS),
                "store_codes": In(self._codes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, host = self._config, self.host
        m.submodules.codes = memory = Memory(shape=self._codes, depth=config.codes_words, init=[])
        column_codes = min(4, config.drain)
        write, read = memory.write_port(granularity=column_codes), memory.read_port()

        mine = Signal()
        answering = Signal(self.HOST_LATENCY)
        word = Signal(8 * config.drain, reset_less=True)
        column = Signal(range(config.drain // column_codes), reset_less=True)
        m.d.comb += [
            mine.eq(host.memory == Region.CODES),
            self.window_grant.eq(self.encoder_idle),
            read.addr.eq(self.encoder_address),
            read.en.eq(self.encoder_en | (self.window_en & self.window_grant)),
            self.data.eq(read.data),
            write.addr.eq(self.store_address),
            write.data.eq(self.store_codes),
            write.en.eq(self.store_en.replicate(len(write.en))),
            host.r_valid.eq(answering[1]),
            Assert(~(write.en.any() & read.en & (write.addr == read.addr))),
        ]
        with m.If(self.window_en & self.window_grant):
            m.d.comb += read.addr.eq(self.window_address)
        m.d.sync += [answering.eq(answering << 1), word.eq(read.data.as_value())]
        with m.If(answering[1]):
            m.d.comb += host.r_data.eq(word.word_select(column, 8 * column_codes))
        with m.If(mine & host.w_en):
            m.d.comb += [
                write.addr.eq(host.row),
                write.data.eq(host.w_data.replicate(len(write.en))),
                write.en.eq(1 << host.column),
            ]
        with m.If(mine & host.r_en):
            m.d.comb += [read.addr.eq(host.row), read.en.eq(1)]
            m.d.sync += [answering.eq(1), column.eq(host.column)]
        return m
