"""The mask writer on Verilator: masks and row flags from updates that come in full, in part, not at all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from small_arrays import small_array
from support import QUIET, Timed, Writes, cycle, set_layer, wait
from tensors import Tensor

from stillframe.contract.array import MASK_COLUMNS
from stillframe.hw.payloads import mask_update
from stillframe.sim.vip import StreamSource, parameters, reset, start

MASKS, ROWS = 21, 50  # mask word and row flag at which the tensor begins
SHARES = ((1, 1, 1, 1), (1, 1, 1, 0), (1, 1, 1, 0.05), (0.2, 0.6, 0.6, 0.3), (0.5, 0.4, 1, 0.1), (0, 0, 0, 0))
"""Share of pixels updated, of passes and of rows that have any, density of events in them."""
SHAPES = ((3, 5, 2), (4, 21, 3), (3, 32, 1), (2, 9, 5), (1, 1, 7), (6, 3, 1), (3, 70, 2))
"""Rows, columns, words of a pixel."""
Update = dict[str, Any]


@dataclass(frozen=True)
class Pixel:
    """A pixel that a pass over its row updates: the words from ``word`` on, each with its events."""

    y: int
    x: int
    word: int
    bits: tuple[int, ...]


class Bench:
    """The writer, its updates and its writes."""

    def __init__(self, dut: Any, shape: tuple[int, int, int], stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{shape} {stall} {seed}")
        height, width, words = shape
        self.tensor, self.drain = Tensor(height, width, words * config.drain, config.drain), config.drain
        self.source = StreamSource(dut, "i", mask_update(config), stall, seed)
        self.taken = Timed(dut, "i", mask_update(config))
        self.masks = Writes(dut, "mask_en", "mask_en", "mask_address", "mask_bits")
        self.flags = Writes(dut, "flag_en", "flag_row", "flag")
        dut.start.value = dut.finish.value = 0

    def pixels(self, size: int, pixels: float, passes: float, rows: float, density: float) -> Iterator[Pixel]:
        """Pixels of some rows, in some of the passes of ``size`` words over each."""
        rng, tensor = self.rng, self.tensor

        def bits() -> int:
            return sum((rng.random() < density) << d for d in range(self.drain))

        for y in (y for y in range(tensor.height) if rng.random() < rows):
            for word in (word for word in range(0, tensor.words, size) if rng.random() < passes):
                for x in (x for x in range(tensor.width) if rng.random() < pixels):
                    yield Pixel(y, x, word, tuple(bits() for _ in range(min(size, tensor.words - word))))

    def updates(self, pixels: list[Pixel]) -> list[Update]:
        """The updates for pixels."""
        return [
            {
                "bits": bits,
                "place": {
                    "y": p.y,
                    "mask": self.tensor.mask(p.y, 0, p.word),
                    "block": p.x // MASK_COLUMNS,
                    "column": p.x % MASK_COLUMNS,
                    "first": n == 0,
                    "last": n == len(p.bits) - 1,
                },
            }
            for p in pixels
            for n, bits in enumerate(p.bits)
        ]

    def wanted(self, pixels: list[Pixel]) -> dict[int, int]:
        """Mask words by address, of all rows with an event."""
        tensor, banks, group = self.tensor, self.config.banks, self.config.group
        rows = sorted({p.y for p in pixels if any(p.bits)})
        words = {MASKS + y * tensor.mask_pitch + n: 0 for y in rows for n in range(tensor.mask_pitch)}
        for p in pixels:
            for n, bits in enumerate(p.bits):
                for e in (e for e in range(self.drain) if bits >> e & 1):
                    bit = (e % banks * MASK_COLUMNS + p.x % MASK_COLUMNS) * group + e // banks
                    words[MASKS + tensor.mask(p.y, p.x, p.word + n)] |= 1 << bit
        return words

    def written(self, writes: list[tuple[int, ...]]) -> dict[int, int]:
        """What writes of parts leave of words that had anything."""
        banks, group = self.config.banks, self.config.group
        words: dict[int, int] = {}
        everything = (1 << MASK_COLUMNS * banks * group) - 1
        for enables, address, bits in writes:
            parts = sum(0xFF << MASK_COLUMNS * n for n in range(banks * group) if enables >> n % group & 1)
            words[address] = words.get(address, everything ^ bits) & ~parts | bits & parts
        return words

    async def pulse(self, name: str) -> int:
        """Give a pulse; the cycle in which the writer sees it."""
        await RisingEdge(self.dut.clk)
        getattr(self.dut, name).value = 1
        await RisingEdge(self.dut.clk)
        getattr(self.dut, name).value = 0
        return cycle()

    async def check(self, pixels: list[Pixel]) -> int:
        """Give a tensor's updates, compare what is written; the cycles from ``finish`` until it is closed."""
        tensor = self.tensor
        set_layer(
            self.dut,
            out_masks=MASKS,
            out_rows=ROWS,
            out_height=tensor.height,
            out_mask_words=tensor.mask_words,
            out_mask_pitch=tensor.mask_pitch,
        )
        for log in (self.taken, self.masks, self.flags):
            log.clear()
        await self.pulse("start")
        self.source.send(self.updates(pixels))
        await self.source.sent()
        finished = await self.pulse("finish")
        await RisingEdge(self.dut.clk)
        for _ in range(20 + tensor.height * (1 + tensor.mask_pitch)):
            if not int(self.dut.busy.value):
                break
            await RisingEdge(self.dut.clk)
        else:
            raise AssertionError("still busy")
        closing = cycle() - finished - 1
        masks, flags = list(self.masks.log), list(self.flags.log)
        await wait(self.dut, QUIET)
        assert (masks, flags) == (self.masks.log, self.flags.log), "nothing is written after the end"
        assert self.written(masks) == self.wanted(pixels)
        rows = [ROWS + y for y in range(tensor.height)]
        flagged = [ROWS + y for y in sorted({p.y for p in pixels if any(p.bits)})]
        assert [row for row, flag in flags if not flag] == rows
        assert [row for row, flag in flags if flag] == flagged
        assert all(flags.index((row, 0)) < flags.index((row, 1)) for row in flagged)
        return closing


@cocotb.test()
@cocotb.parametrize(shape=SHAPES, stall=[0.0, 0.5])
async def tensors(dut: Any, shape: tuple[int, int, int], stall: float) -> None:
    """Passes of a word, of two, of all; pixels, passes, rows left out; every element an event, few, none."""
    bench = Bench(dut, shape, stall)
    await start(dut)
    for size in sorted({1, 2, shape[2]}):
        for shares in SHARES:
            await bench.check(list(bench.pixels(size, *shares)))


@cocotb.test()
async def single_changes(dut: Any) -> None:
    """One event, in each corner and along each border, in an update alone or among all."""
    bench = Bench(dut, (3, 20, 3))
    await start(dut)
    for y, x, channel in bench.tensor.borders():
        word, event = channel // bench.drain, 1 << channel % bench.drain
        if bench.rng.random() < 0.7:
            await bench.check([Pixel(y, x, word, (event,))])
        else:
            every = bench.pixels(3, 1, 1, 1, 0)
            bits = tuple(event * (n == word) for n in range(3))
            await bench.check([Pixel(y, x, 0, bits) if (p.y, p.x) == (y, x) else p for p in every])


def waited(cycles: list[int]) -> list[int]:
    """How long each update but the last waited inside: the one behind it was taken so much later."""
    return [after - before - 1 for before, after in pairwise(cycles)]


@cocotb.test()
async def one_update_a_cycle(dut: Any) -> None:
    """As the docstring says: where a row or a pass begins updates wait some cycles, others none."""
    height, words, blocks = 4, 3, 3
    bench = Bench(dut, (height, 20, words))
    await start(dut)

    # All pixels, in one pass: a row waits for the last block before it.
    row = [words + 1] + [0] * (20 * words - 1)
    closing = await bench.check(list(bench.pixels(words, 1, 1, 1, 1)))
    assert waited(bench.taken.cycles) == [0, *(row * height)[1:-1]]
    assert closing == words + 1

    # The same in passes of a word.
    row = [2, *[0] * 19, 1, *[0] * 19, 1, *[0] * 19]
    closing = await bench.check(list(bench.pixels(1, 1, 1, 1, 1)))
    assert waited(bench.taken.cycles) == [0, *(row * height)[1:-1]]
    assert closing == 2

    # No events: a cycle a row.
    closing = await bench.check(list(bench.pixels(1, 1, 1, 1, 0)))
    assert waited(bench.taken.cycles) == [0, *([1, *[0] * 59] * height)[1:-1]]
    assert closing == 1

    # Of row 0 the first and the last word are left out, of the other one block 1; then two rows.
    await bench.check(
        [Pixel(0, 3, 1, (1,)), Pixel(0, 17, 1, (1,)), Pixel(3, 9, 2, (1,)), Pixel(3, 10, 2, (1,))]
    )
    first_word, block, its_last, last_word, rows = blocks, 1, 1, blocks, 3
    assert waited(bench.taken.cycles) == [0, first_word, block + its_last + last_word + rows]

    await bench.check([])  # a still tensor: its flags are cleared


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """Nothing is written after a reset until the next tensor, which is right."""
    bench = Bench(dut, (4, 21, 3), stall)
    await start(dut)
    for cycles in range(1, 120, 7):
        await bench.pulse("start")
        bench.source.send(bench.updates(list(bench.pixels(2, 1, 1, 1, 0.5))))
        await wait(dut, cycles)
        dut.finish.value = int(cycles % 4 == 1)
        await reset(dut, bench.source, bench.taken, cycles=1 + cycles % 3)
        dut.finish.value = 0
        bench.masks.log.clear()
        bench.flags.log.clear()
        await wait(dut, 10)
        assert not bench.masks.log
        assert not bench.flags.log
        await bench.check(list(bench.pixels(3, 0.5, 1, 1, 0.2)))
