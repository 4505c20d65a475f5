"""The state update on Verilator: the state over frames, the host's view of it, its timing."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from bank_taps import wrap
from cocotb.triggers import RisingEdge
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, consecutive, every_cycle, set_layer, wait

from stillframe.contract import Memory
from stillframe.contract.array import ACC_BITS
from stillframe.contract.memory_map import STATE_MASK
from stillframe.hw.payloads import sum_word
from stillframe.hw.state_update import StateUpdate
from stillframe.sim.vip import StreamSource, parameters, reset, start

STATE = 40  # word at which the layer's state begins
SIZE = 24  # its words


class Bench:
    """The state update, and a model of the state."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.sums = StreamSource(dut, "i", sum_word(config), stall, seed)
        self.taken = Timed(dut, "i", sum_word(config))
        self.words = TimedSink(dut, "o", sum_word(config), stall, seed)
        self.state = [[0] * config.drain for _ in range(STATE + SIZE + 1)]
        for name in ("w_en", "r_en", "memory", "column", "row", "w_data"):
            getattr(dut, f"host__{name}").value = 0

        def unanswered() -> None:
            assert int(dut.host__r_valid.value) or not int(dut.host__r_data.value)

        every_cycle(dut, unanswered)

    def any_sum(self) -> int:
        """An accumulator, small or at the end of the range."""
        rng, top = self.rng, (1 << (ACC_BITS - 1)) - 1
        return rng.choice((rng.randrange(-999, 1000), rng.randint(-top - 1, top), top, -top - 1))

    async def write_state(self) -> None:
        """Write all of the state, and some where it must not go, through the host's bus."""
        dut = self.dut
        self.state = [[self.any_sum() for _ in word] for word in self.state]
        for row, word in enumerate(self.state):
            for column, value in enumerate(word):
                for memory, data in ((Memory.STATE, value & STATE_MASK), (Memory.CODES, 0)):
                    dut.host__memory.value, dut.host__column.value = int(memory), column
                    dut.host__row.value, dut.host__w_data.value = row, data
                    dut.host__w_en.value = 1
                    await RisingEdge(dut.clk)
        dut.host__w_en.value = 0

    async def read(self, row: int, column: int) -> int:
        """One accumulator as the host reads it, sign-extended to 32 bits."""
        dut = self.dut
        dut.host__memory.value, dut.host__row.value = int(Memory.STATE), row
        dut.host__column.value, dut.host__r_en.value = column, 1
        await RisingEdge(dut.clk)
        dut.host__r_en.value = 0
        for _ in range(StateUpdate.HOST_LATENCY):
            await RisingEdge(dut.clk)
            if int(dut.host__r_valid.value):
                return dut.host__r_data.value.to_signed()  # type: ignore[no-any-return]
        raise AssertionError(f"no answer for STATE row {row}, column {column}")

    async def check_state(self) -> None:
        """Compare the state with the model's, the words around it included."""
        for row, word in enumerate(self.state):
            for column, value in enumerate(word):
                assert await self.read(row, column) == value, f"STATE row {row}, column {column}"

    def some_words(self, share: float) -> list[Any]:
        """Random sums for some of the layer's words, in any order."""
        rng, drain = self.rng, self.config.drain
        offsets = [offset for offset in range(SIZE) if rng.random() < share]
        rng.shuffle(offsets)
        return [
            {
                "z": [self.any_sum() for _ in range(drain)],
                "row": rng.randrange(1 << 16),
                "offset": offset,
                "valid": rng.randrange(1 << drain),
            }
            for offset in offsets
        ]

    async def frame(self, words: list[Any], *, use_state: bool, key: bool) -> None:
        """Run a frame in which some words are touched and compare what comes."""
        set_layer(self.dut, key, state=STATE, use_state=int(use_state))
        expected = []
        for word in words:
            row = STATE + word["offset"]
            stored = self.state[row] if use_state and not key else [0] * self.config.drain
            z = [wrap(a + b) for a, b in zip(word["z"], stored, strict=True)]
            if use_state:
                self.state[row] = z
            expected.append(word | {"z": z})
        self.taken.clear()
        self.words.clear()
        self.sums.send(words)
        await self.words.count(len(expected))
        await wait(self.dut, QUIET)
        assert self.words.items == expected


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.4, 0.7])
async def frames(dut: Any, stall: float) -> None:
    """Key frames, frames on top of them, still frames, frames that keep no state."""
    bench = Bench(dut, stall)
    await start(dut)
    await bench.write_state()
    await bench.frame(bench.some_words(0.4), use_state=True, key=False)
    await bench.frame(bench.some_words(1), use_state=True, key=True)
    await bench.frame([], use_state=True, key=False)
    await bench.frame(bench.some_words(1), use_state=True, key=False)
    await bench.frame(bench.some_words(0.5), use_state=False, key=False)
    await bench.frame(bench.some_words(0.5), use_state=False, key=True)
    await bench.frame(bench.some_words(0.5), use_state=True, key=False)
    await bench.check_state()


@cocotb.test()
async def latency_and_one_word_a_cycle(dut: Any) -> None:
    bench = Bench(dut)
    await start(dut)
    await bench.frame(bench.some_words(1), use_state=True, key=True)
    assert consecutive(bench.taken.cycles)
    assert [o - i for i, o in zip(bench.taken.cycles, bench.words.cycles, strict=True)] == [
        StateUpdate.LATENCY
    ] * SIZE


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """After a reset nothing old comes out; a key frame makes the state whole."""
    bench = Bench(dut, stall, 1)
    await start(dut)
    for cycles in range(1, 18, 2):
        bench.sums.send(bench.some_words(1))
        await wait(dut, cycles)
        await reset(dut, bench.sums, bench.taken, bench.words, cycles=1 + cycles % 3)
        await wait(dut, QUIET)
        assert not bench.words.items
        await bench.frame(bench.some_words(1), use_state=True, key=True)
        await bench.frame(bench.some_words(0.3), use_state=True, key=False)
