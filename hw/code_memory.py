"""The activation memory: for every tensor the codes last sent."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.memory_map import Memory as Region

from .block_ram import BlockRam
from .signatures import HostBus


class CodeMemory(wiring.Component):
    """CODES, with one port to write and one to read, which the encoder, the window reader, the adder of fused
    layers and the host share.

    The encoder goes first; the others are granted the cycles in which the encoder does not read. The host
    comes only while no layer runs; it writes and reads up to four codes of a word, a column. Read data
    appears ``LATENCY`` cycles after the read, for a cycle, at the host's port ``HOST_LATENCY`` cycles after
    it. A word is written in the cycle after ``store_en``.

    Ports:
        encoder_next, encoder_address: In the next cycle the encoder reads, and where.
        fusing: A constant of the layer: second operands are read, no windows.
        operand_address: In the cycle before a second operand's read, where.
        read_en: One of the two reads; without a grant it gets nothing.
    """

    LATENCY = BlockRam.LATENCY
    HOST_LATENCY = LATENCY + 3

    encoder_next: Signal
    encoder_address: Signal
    fusing: Signal
    operand_address: Signal
    read_en: Signal
    read_grant: Signal
    window_address: Signal
    store_en: Signal
    store_address: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._codes = data.ArrayLayout(signed(8), config.drain)
        super().__init__(
            {
                "host": In(HostBus()),
                "encoder_next": In(1),
                "encoder_address": In(ADDRESS_BITS),
                "fusing": In(1),
                "operand_address": In(ADDRESS_BITS),
                "read_en": In(1),
                "read_grant": Out(1),
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
        column_codes = min(4, config.drain)
        columns = config.drain // column_codes
        m.submodules.codes = codes = BlockRam(config.codes_words, self._codes.size, columns)
        mine = host.memory == Region.CODES
        host_reads = host.r_en & mine

        # All of the chip's width hangs on the address: it is one choice of two registers. Only the windows
        # say where they read no sooner than they do.
        encoding = Signal()
        known, foreseen = Signal(ADDRESS_BITS, reset_less=True), Signal()
        other = Mux(host_reads, host.row, self.operand_address)
        m.d.sync += [
            encoding.eq(self.encoder_next),
            known.eq(Mux(self.encoder_next, self.encoder_address, other)),
            foreseen.eq(self.encoder_next | host_reads | self.fusing),
        ]
        m.d.comb += [
            self.read_grant.eq(~encoding),
            codes.read_en.eq(1),
            codes.read_address.eq(Mux(foreseen, known, self.window_address)),
            codes.out_en.eq(1),
            self.data.eq(codes.read_data),
        ]
        m.d.sync += [
            codes.write_en.eq(self.store_en.replicate(columns)),
            codes.write_address.eq(self.store_address),
            codes.write_data.eq(self.store_codes),
        ]
        read = encoding | self.read_en
        m.d.comb += Assert(~(codes.write_en.any() & read & (codes.write_address == codes.read_address)))

        column = Signal(range(columns), reset_less=True)
        answering = Signal(self.HOST_LATENCY - 1)
        m.d.sync += [answering.eq(Cat(host_reads, answering)), host.r_valid.eq(answering[-1])]
        word = Signal(self._codes.size, reset_less=True)
        m.d.sync += [
            word.eq(codes.read_data),
            host.r_data.eq(Mux(answering[-1], word.word_select(column, 8 * column_codes), 0)),
        ]
        with m.If(host.w_en & mine):
            m.d.sync += [
                codes.write_en.eq(1 << host.column),
                codes.write_address.eq(host.row),
                codes.write_data.eq(host.w_data[: 8 * column_codes].replicate(columns)),
            ]
        with m.If(host_reads):
            m.d.sync += column.eq(host.column)
        return m
