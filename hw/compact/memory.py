"""The machine's one memory: 128 KB of SPRAM as 32-bit words with bytes that can be written apart."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.vendor import SiliconBluePlatform

ADDRESS_BITS = 17
"""Of a byte."""

BLOCK_WORDS = 1 << 14
"""Words of a SPRAM block, of 16 bits; two blocks side by side make 32, and there are two such pairs."""


class SharedMemory(wiring.Component):
    """Reads or writes a word in each cycle with ``en``.

    Latency: ``word`` and ``byte`` are valid from the cycle after the read until the next one's; nothing is
    known of them after a write. On an iCE40UP the memory is four SPRAM blocks, whose content is unknown at
    power-on; else a memory of the simulator's.

    Members:
        en: Read, or write if a bit of ``write`` is set.
        address: Of a byte.
        write: The bytes of the address's word that are written.
        data: What is written.
        word: The word read.
        byte: The byte of it that was addressed.
    """

    en: Signal
    address: Signal
    write: Signal
    data: Signal
    word: Signal
    byte: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "en": In(1),
                "address": In(ADDRESS_BITS),
                "write": In(4),
                "data": In(32),
                "word": Out(32),
                "byte": Out(8),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        low, high = Signal(2), Signal()
        reading = self.en & ~self.write.any()
        with m.If(reading):
            m.d.sync += [low.eq(self.address[:2]), high.eq(self.address[-1])]
        m.d.comb += self.byte.eq(self.word.word_select(low, 8))
        m.d.sync += Assert(self.en | ~self.write.any())
        if isinstance(platform, SiliconBluePlatform):
            words = [self._pair(m, select) for select in range(2)]
            m.d.comb += self.word.eq(Mux(high, words[1], words[0]))
        else:
            m.submodules.words = words = Memory(shape=32, depth=2 * BLOCK_WORDS, init=[])
            read, write = words.read_port(), words.write_port(granularity=8)
            m.d.comb += [
                read.en.eq(reading),
                read.addr.eq(self.address[2:]),
                write.en.eq(self.write),
                write.addr.eq(self.address[2:]),
                write.data.eq(self.data),
                self.word.eq(read.data),
            ]
        return m

    def _pair(self, m: Module, select: int) -> Signal:
        """Two blocks for the words whose address has ``select`` as its top bit; returns the word read."""
        word = Signal(32, name=f"word_{select}")
        for half in range(2):
            lanes = self.write[2 * half : 2 * half + 2]
            m.submodules[f"block_{select}{half}"] = Instance(
                "SB_SPRAM256KA",
                i_CLOCK=ClockSignal(),
                i_ADDRESS=self.address[2:-1],
                i_DATAIN=self.data.word_select(half, 16),
                i_MASKWREN=Cat(lanes[0].replicate(2), lanes[1].replicate(2)),
                i_WREN=self.write.any(),
                i_CHIPSELECT=self.en & (self.address[-1] == select),
                i_STANDBY=Const(0, 1),
                i_SLEEP=Const(0, 1),
                i_POWEROFF=Const(1, 1),  # active low
                o_DATAOUT=word.word_select(half, 16),
            )
        return word
