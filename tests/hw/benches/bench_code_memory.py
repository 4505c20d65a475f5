"""The activation memory on Verilator: who reads when, and what the host sees."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from small_arrays import small_array
from support import noise, wait

from stillframe.contract import Memory
from stillframe.contract.memory_map import columns
from stillframe.hw.code_memory import CodeMemory
from stillframe.sim.vip import parameters, reset, start

HOST_LATENCY = CodeMemory.HOST_LATENCY


class Bench:
    """The memory, all of its ports at rest, and what it holds."""

    def __init__(self, dut: Any, seed: int = 0) -> None:
        self.config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(seed)
        self.words = [0] * self.config.codes_words
        self.columns = columns(Memory.CODES, self.config)
        self.bits = 8 * self.config.drain // self.columns  # of a column
        for name in ("encoder_next", "read_en", "fusing", "store_en", "host__w_en", "host__r_en"):
            getattr(dut, name).value = 0

    async def host_write(self, memory: Memory, column: int, row: int, data: int) -> None:
        dut = self.dut
        dut.host__memory.value, dut.host__column.value, dut.host__row.value = int(memory), column, row
        dut.host__w_data.value, dut.host__w_en.value = data, 1
        await RisingEdge(dut.clk)
        dut.host__w_en.value = 0

    async def host_read(self, memory: Memory, column: int, row: int) -> list[tuple[int, int]]:
        """``r_valid`` and ``r_data`` in the cycles after the read."""
        dut = self.dut
        dut.host__memory.value, dut.host__column.value, dut.host__row.value = int(memory), column, row
        dut.host__r_en.value = 1
        await RisingEdge(dut.clk)
        dut.host__r_en.value = 0
        answers = []
        for _ in range(HOST_LATENCY + 2):
            await RisingEdge(dut.clk)
            answers.append((int(dut.host__r_valid.value), int(dut.host__r_data.value)))
        return answers

    def column(self, word: int, column: int) -> int:
        """What the host sees of a word in a column."""
        return word >> column * self.bits & (1 << self.bits) - 1

    async def fill(self) -> None:
        """Write everything column by column, and something else to another memory's address."""
        bits = 8 * self.config.drain
        self.words = [noise(self.rng, bits) for _ in self.words]
        for column in range(self.columns):
            for row, word in enumerate(self.words):
                data = self.column(word, column) | noise(self.rng, 32 - self.bits) << self.bits
                await self.host_write(Memory.CODES, column, row, data)
                await self.host_write(Memory.STATE, column, row, noise(self.rng, 32))

    async def check(self) -> None:
        """Read everything as the host, and nothing of another memory's."""
        for row, word in enumerate(self.words):
            for column in range(self.columns):
                await self.host_check(column, row, self.column(word, column))

    async def host_check(self, column: int, row: int, data: int) -> None:
        answer = [
            (int(n == HOST_LATENCY), data if n == HOST_LATENCY else 0) for n in range(1, HOST_LATENCY + 3)
        ]
        assert await self.host_read(Memory.CODES, column, row) == answer, f"column {column} of row {row}"

    async def traffic(self, cycles: int) -> None:
        """Random reads of encoder and windows, or second operands, stores elsewhere; each read's data comes
        some cycles later."""
        dut, rng, words = self.dut, self.rng, self.words
        expected: list[int | None] = [None] * CodeMemory.LATENCY
        stored = 0  # the word stored last: it is written a cycle later
        fusing, reading, encoder, operand = rng.randrange(2), 0, 0, 1
        dut.fusing.value, dut.operand_address.value = fusing, operand
        await RisingEdge(dut.clk)
        for _ in range(cycles):
            free = [n for n in range(len(words)) if n not in (stored, encoder, operand)]
            window, storing, next_encoder, next_operand = rng.sample(free, 4)
            next_reading, wanted, stores = (rng.randrange(2) for _ in range(3))
            code = noise(rng, 8 * self.config.drain)
            dut.encoder_next.value, dut.encoder_address.value = next_reading, next_encoder
            dut.read_en.value, dut.window_address.value = wanted, window
            dut.operand_address.value = next_operand
            dut.store_en.value, dut.store_address.value, dut.store_codes.value = stores, storing, code
            await RisingEdge(dut.clk)  # the values are there now
            assert int(dut.read_grant.value) == 1 - reading
            came = expected.pop(0)
            assert came is None or int(dut.data.value) == came
            other = operand if fusing else window
            expected.append(words[encoder] if reading else words[other] if wanted else None)
            if stores:
                stored, words[storing] = storing, code
            reading, encoder, operand = next_reading, next_encoder, next_operand
        dut.encoder_next.value = dut.read_en.value = dut.store_en.value = dut.fusing.value = 0


@cocotb.test()
async def host(dut: Any) -> None:
    """The host writes and reads every word; other memories' rows do not concern it."""
    bench = Bench(dut)
    await start(dut)
    await bench.fill()
    await bench.check()
    assert await bench.host_read(Memory.STATE, 0, 3) == [(0, 0)] * (HOST_LATENCY + 2)


@cocotb.test()
async def encoder_window_operand_and_store(dut: Any) -> None:
    bench = Bench(dut, 1)
    await start(dut)
    await bench.fill()
    for _ in range(10):
        await bench.traffic(300)
    await bench.check()


@cocotb.test()
async def reset_in_mid_stream(dut: Any) -> None:
    """A reset drops the answer under way and leaves the words alone."""
    bench = Bench(dut, 2)
    await start(dut)
    await bench.fill()
    for cycles in range(1, 4):
        await bench.traffic(20)
        dut.host__memory.value, dut.host__r_en.value = int(Memory.CODES), 1
        await RisingEdge(dut.clk)
        dut.host__r_en.value = 0
        await reset(dut, cycles=cycles)
        for _ in range(4):
            await RisingEdge(dut.clk)
            assert not int(dut.host__r_valid.value)
            assert not int(dut.host__r_data.value)
    await bench.check()
    await wait(dut, 1)
