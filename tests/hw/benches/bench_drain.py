"""Drain and state update on Verilator: passes over pixels, the state over frames, the host's view of it."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, consecutive, every_cycle, set_layer, wait
from tensors import Tensor

from stillframe.contract import Memory
from stillframe.contract.array import ACC_BITS
from stillframe.contract.memory_map import STATE_MASK
from stillframe.hw.drain import Drain
from stillframe.hw.payloads import TAG, sum_word, sums
from stillframe.hw.state_update import StateUpdate
from stillframe.sim.vip import StreamSource, parameters, reset, start

STATE = 40  # word at which the layer's state begins
PARAMS = 9
Pixel = tuple[int, int]


def wrap(value: int) -> int:
    """The accumulator's range."""
    half = 1 << (ACC_BITS - 1)
    return (value + half) % (2 * half) - half


class Bench:
    """The two parts, a layer with several passes a pixel, and a model of its state."""

    def __init__(self, dut: Any, channels: int, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.tensor = Tensor(3, 3, channels, config.drain)
        self.sums = StreamSource(dut, "i", sums(config), stall, seed)
        self.tags = StreamSource(dut, "tags", TAG, stall, seed)
        self.taken = Timed(dut, "tags", TAG)
        self.words = TimedSink(dut, "o", sum_word(config), stall, seed)
        self.state = [[0] * config.drain for _ in range(STATE + self.tensor.size + 1)]
        for name in ("w_en", "r_en", "memory", "column", "row", "w_data"):
            getattr(dut, f"host__{name}").value = 0

        def unanswered() -> None:
            assert int(dut.host__r_valid.value) or not int(dut.host__r_data.value)

        every_cycle(dut, unanswered)

    @property
    def groups(self) -> int:
        return -(-self.tensor.channels // self.config.total_lanes)

    def any_sum(self) -> int:
        """An accumulator, small or at the end of the range."""
        rng, top = self.rng, (1 << (ACC_BITS - 1)) - 1
        return rng.choice((rng.randrange(-999, 1000), rng.randrange(-top - 1, top + 1), top, -top - 1))

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
        for _ in range(5):
            await RisingEdge(dut.clk)
            if int(dut.host__r_valid.value):
                return dut.host__r_data.value.to_signed()  # type: ignore[no-any-return]
        raise AssertionError(f"no answer for STATE row {row}, column {column}")

    async def check_state(self) -> None:
        """Compare the state with the model's, the words around it included."""
        for row, word in enumerate(self.state):
            for column, value in enumerate(word):
                assert await self.read(row, column) == value, f"STATE row {row}, column {column}"

    def passes(self, pixels: list[Pixel]) -> tuple[list[Any], list[Any]]:
        """Random sums of the passes over pixels, and their tags."""
        config, tensor = self.config, self.tensor
        pass_words = config.total_lanes // config.drain
        tags = [
            {
                "offset": tensor.offset(y, x, group * pass_words),
                "row": PARAMS + group * pass_words,
                "final": int(group == self.groups - 1),
            }
            for y, x in pixels
            for group in range(self.groups)
        ]
        return [{"acc": [self.any_sum() for _ in range(config.total_lanes)]} for _ in tags], tags

    async def frame(self, pixels: list[Pixel], *, use_state: bool, key: bool) -> None:
        """Run a frame in which some pixels are touched and compare the words."""
        config, tensor = self.config, self.tensor
        group_words = config.total_lanes // config.drain
        last_words = tensor.words - (self.groups - 1) * group_words
        set_layer(
            self.dut,
            key,
            state=STATE,
            use_state=int(use_state),
            group_words=group_words,
            last_words=last_words,
            out_valid=tensor.out_valid,
        )
        values, tags = self.passes(pixels)
        expected = []
        for value, tag in zip(values, tags, strict=True):
            words = last_words if tag["final"] else group_words
            for n in range(words):
                offset, last = tag["offset"] + n, n == words - 1
                stored = self.state[STATE + offset]
                base = stored if use_state and not key else [0] * config.drain
                lanes = value["acc"][n * config.drain :]
                z = [wrap(a + b) for a, b in zip(lanes, base, strict=False)]
                if use_state:
                    self.state[STATE + offset] = z
                real = tensor.real(tensor.words - 1) if tag["final"] and last else [True] * config.drain
                expected.append(
                    {
                        "z": z,
                        "row": tag["row"] + n,
                        "offset": offset,
                        "valid": sum(bit << d for d, bit in enumerate(real)),
                        "last": int(last),
                    }
                )
        self.taken.clear()
        self.words.clear()
        self.sums.send(values)
        self.tags.send(tags)
        await self.words.count(len(expected))
        await wait(self.dut, QUIET)
        assert self.words.items == expected

    def some_pixels(self, share: float) -> list[Pixel]:
        pixels = [(y, x) for y in range(self.tensor.height) for x in range(self.tensor.width)]
        return [pixel for pixel in pixels if self.rng.random() < share]


@cocotb.test()
@cocotb.parametrize(
    (("channels", "stall"), [(5, 0.0), (16, 0.4), (39, 0.0), (39, 0.6)]),
)
async def frames(dut: Any, channels: int, stall: float) -> None:
    """Key frames, frames on top of them, still frames, frames that keep no state."""
    bench = Bench(dut, channels, stall)
    await start(dut)
    await bench.write_state()
    await bench.frame(bench.some_pixels(0.4), use_state=True, key=False)
    await bench.frame(bench.some_pixels(1), use_state=True, key=True)
    await bench.frame([], use_state=True, key=False)
    await bench.frame(bench.some_pixels(1), use_state=True, key=False)
    await bench.frame(bench.some_pixels(0.5), use_state=False, key=False)
    await bench.frame(bench.some_pixels(0.5), use_state=False, key=True)
    await bench.frame(bench.some_pixels(0.5), use_state=True, key=False)
    await bench.check_state()


@cocotb.test()
async def each_pixel_alone(dut: Any) -> None:
    """Every pixel, corners and borders among them, touches its own state only."""
    bench = Bench(dut, 7)
    await start(dut)
    await bench.write_state()
    for pixel in bench.some_pixels(1):
        await bench.frame([pixel], use_state=True, key=False)
    await bench.check_state()


@cocotb.test()
@cocotb.parametrize(channels=[3, 39])
async def latency_and_one_word_a_cycle(dut: Any, channels: int) -> None:
    """There is no gap between the passes and pixels, not even where a pass gives one word only."""
    bench = Bench(dut, channels)
    await start(dut)
    await bench.frame(bench.some_pixels(1), use_state=True, key=True)
    assert consecutive(bench.words.cycles)
    assert bench.words.cycles[0] - bench.taken.cycles[0] == Drain.LATENCY + StateUpdate.LATENCY


@cocotb.test()
async def sums_wait_for_their_tag(dut: Any) -> None:
    """Neither is taken without the other."""
    bench = Bench(dut, 39)
    await start(dut)
    await bench.frame(bench.some_pixels(1), use_state=True, key=True)
    for first, second in ((bench.sums, bench.tags), (bench.tags, bench.sums)):
        bench.words.clear()
        bench.taken.clear()
        values, tags = bench.passes([(1, 1)])
        first.send(values if first is bench.sums else tags)
        await wait(dut, QUIET)
        assert not bench.taken.items
        assert not bench.words.items
        second.send(tags if second is bench.tags else values)
        await bench.words.count(bench.tensor.words)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """After a reset nothing old comes out; a key frame makes the state whole."""
    bench = Bench(dut, 39, stall, 1)
    await start(dut)
    for cycles in range(1, 18, 2):
        values, tags = bench.passes(bench.some_pixels(1))
        bench.sums.send(values)
        bench.tags.send(tags)
        await wait(dut, cycles)
        await reset(dut, bench.sums, bench.tags, bench.taken, bench.words, cycles=1 + cycles % 3)
        await wait(dut, QUIET)
        assert not bench.words.items
        await bench.frame(bench.some_pixels(1), use_state=True, key=True)
        await bench.frame(bench.some_pixels(0.3), use_state=True, key=False)
