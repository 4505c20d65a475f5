"""Memories with a register behind them, which on an ECP5 is that of their blocks."""

from __future__ import annotations

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.vendor import LatticeECP5Platform

from stillframe.contract.block_rams import BlockRow, block_rows

LANE = 9
"""Bits that a block of 18 bits writes apart from the others."""

_PINS = 18
_ADDRESS_PINS = 14


class RegisteredMemory(wiring.Component):
    """The ports of ``depth`` words of ``width`` bits in ``granules`` that can be written apart.

    Ports:
        write_en, write_address, write_data: Writes the granules of a word that have a bit in ``write_en``.
        read_en, read_address: Reads a word.
        out_en: The word read last goes on to ``read_data``.
    """

    write_en: Signal
    write_address: Signal
    write_data: Signal
    read_en: Signal
    read_address: Signal
    out_en: Signal
    read_data: Signal

    def __init__(self, depth: int, width: int, granules: int) -> None:
        super().__init__(
            {
                "write_en": In(granules),
                "write_address": In(range(depth)),
                "write_data": In(width),
                "read_en": In(1),
                "read_address": In(range(depth)),
                "out_en": In(1),
                "read_data": Out(width),
            }
        )


class BlockRam(RegisteredMemory):
    """``depth`` words of ``width`` bits, with one port to write and one to read.

    A word is at ``read_data`` ``LATENCY`` cycles after its address was given, if ``out_en`` is high in the
    cycle in between; ``read_data`` stays until the next time that it is. A block RAM gives data late in the
    cycle, but here into its own register; behind that is a multiplexer, if the memory is deeper than a block.

    On an ECP5 it consists of :class:`BlockRows`, for Yosys does not use those registers by itself. Elsewhere
    memory and register are written out, with the same behaviour. No word may be read in the cycle in which it
    is written.

    Args:
        depth: Words.
        width: Bits of a word.
        granules: Parts of a word, all of the same size, that can be written apart.
    """

    LATENCY = 2

    def __init__(self, depth: int, width: int, granules: int = 1) -> None:
        assert width % granules == 0, "granules are equal parts of a word"
        self._depth, self._width, self._granules = depth, width, granules
        super().__init__(depth, width, granules)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if isinstance(platform, LatticeECP5Platform):
            m.submodules.rows = rows = BlockRows(self._depth, self._width, self._granules)
            wiring.connect(m, wiring.flipped(self), rows)
            return m
        memory = Memory(shape=self._width, depth=self._depth, init=[])
        m.submodules.memory = memory
        write, read = memory.write_port(granularity=self._width // self._granules), memory.read_port()
        word = Signal(self._width, reset_less=True)
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            read.en.eq(self.read_en),
            read.addr.eq(self.read_address),
            self.read_data.eq(word),
        ]
        with m.If(self.out_en):
            m.d.sync += word.eq(read.data)
        return m


class BlockRows(RegisteredMemory):
    """A :class:`BlockRam` of blocks: rows of them, the longest first, each with the words that come next.

    A row is as long as a power of two, so that where it begins an address's upper bits tell them apart.
    """

    def __init__(self, depth: int, width: int, granules: int) -> None:
        self._rows = block_rows(depth, width, granules)
        self._width, self._granules = width, granules
        super().__init__(depth, width, granules)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        starts = [sum(row.rows for row in self._rows[:n]) for n in range(len(self._rows))]
        asked, given = (Signal(range(len(starts)), reset_less=True) for _ in range(2))
        with m.If(self.read_en):
            for n, start in enumerate(starts):
                with m.If(self.read_address >= start):
                    m.d.sync += asked.eq(n)
        with m.If(self.out_en):
            m.d.sync += given.eq(asked)
        with m.Switch(given):
            for n, (row, start) in enumerate(zip(self._rows, starts, strict=True)):
                low = (row.rows - 1).bit_length()
                word = self._row(m, n, row, self.write_address[low:] == start >> low)
                with m.Case(n) if n < len(starts) - 1 else m.Default():
                    m.d.comb += self.read_data.eq(word)
        return m

    def _row(self, m: Module, number: int, row: BlockRow, mine: Value) -> Value:
        """A row of blocks, written while the address is ``mine``; what is read from it."""
        word: list[Value] = []
        for n, lanes in enumerate(self._lanes(row.bits)):
            m.submodules[f"block_{number}_{n}"] = block = Block(row.rows, row.bits)
            m.d.comb += [
                block.write_address.eq(self.write_address),
                block.read_en.eq(self.read_en),
                block.read_address.eq(self.read_address),
                block.out_en.eq(self.out_en),
            ]
            for lane, (granule, bits) in enumerate(lanes):
                place = slice(LANE * lane, LANE * lane + bits.stop - bits.start)
                m.d.comb += block.write_en[lane].eq(self.write_en[granule] & mine)
                m.d.comb += block.write_data[place].eq(self.write_data[bits])
                word.append(block.read_data[place])
        return Cat(word)

    def _lanes(self, bits: int) -> list[list[tuple[int, slice]]]:
        """For each block of ``bits`` bits the granules and bits of a word that its lanes have, in order."""
        size = self._width // self._granules
        lane = min(bits, LANE)
        lanes = [
            (granule, slice(granule * size + start, granule * size + min(start + lane, size)))
            for granule in range(self._granules)
            for start in range(0, size, lane)
        ]
        count = max(1, bits // LANE)
        return [lanes[n : n + count] for n in range(0, len(lanes), count)]


class Block(RegisteredMemory):
    """One block RAM of ``rows`` x ``bits``, 18 kbit or less: 18, 9, 4, 2 or 1 bits wide.

    Behaves as :class:`BlockRam`; of 18 bits, each half has a bit in ``write_en``. On an ECP5 it is a DP16KD
    with an output register, written through port A, read through port B (Lattice, ECP5 Memory Usage Guide).
    """

    def __init__(self, rows: int, bits: int) -> None:
        self._rows, self._bits = rows, bits
        super().__init__(rows, bits, max(1, bits // LANE))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not isinstance(platform, LatticeECP5Platform):
            m.submodules.memory = memory = BlockRam(self._rows, self._bits, len(self.write_en))
            wiring.connect(m, wiring.flipped(self), memory)
            return m
        # Addresses count bits. Of 18 bits, the lowest two of port A's enable lanes instead.
        below: list[Value] = [Const(0, 1)] * (_ADDRESS_PINS - len(self.read_address))
        lanes = [*self.write_en, *below[len(self.write_en) :]] if self._bits == _PINS else below
        written, data = Signal(_PINS), Signal(_PINS)
        m.d.comb += [written.eq(self.write_data), self.read_data.eq(data)]
        ports = {f"i_ADA{n}": bit for n, bit in enumerate([*lanes, *self.write_address])}
        ports |= {f"i_ADB{n}": bit for n, bit in enumerate([*below, *self.read_address])}
        ports |= {f"i_DIA{n}": written[n] for n in range(_PINS)}
        ports |= {f"o_DOB{n}": data[n] for n in range(_PINS)}
        ports |= {f"i_{name}": Const(0, 1) for name in ("WEB", "RSTA", "RSTB")}
        ports |= {f"i_CS{port}{n}": Const(0, 1) for port in "AB" for n in range(3)}
        m.submodules.dp16kd = Instance(
            "DP16KD",
            **ports,
            p_DATA_WIDTH_A=self._bits,
            p_DATA_WIDTH_B=self._bits,
            p_REGMODE_A="NOREG",
            p_REGMODE_B="OUTREG",
            p_RESETMODE="SYNC",
            p_WRITEMODE_A="NORMAL",
            p_WRITEMODE_B="NORMAL",
            p_CSDECODE_A="0b000",
            p_CSDECODE_B="0b000",
            p_GSR="DISABLED",
            i_CLKA=ClockSignal(),
            i_CEA=Const(1, 1),
            i_OCEA=Const(1, 1),
            i_WEA=Const(1, 1) if self._bits == _PINS else self.write_en,
            i_CLKB=ClockSignal(),
            i_CEB=self.read_en,
            i_OCEB=self.out_en,
        )
        return m
