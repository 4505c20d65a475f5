"""The mask writer on Verilator: masks and row flags from updates that come in full, in part, not at all."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from small_arrays import small_array
from support import Timed, Writes, cycle, every_cycle, set_layer, wait
from tensors import Tensor

from stillframe.hw.payloads import mask_update
from stillframe.sim.vip import StreamSource, parameters, reset, start

MASKS, ROWS = 21, 50  # mask word and row flag at which the tensor begins
UPDATES = ((1, 1, 1), (1, 1, 0), (1, 1, 0.1), (0.2, 0.6, 0.3), (0.6, 0.4, 0.1), (0, 0, 0))
"""Share of words updated, share of rows that have any, density of events in them."""
SHAPES = ((3, 5, 6), (4, 20, 9), (5, 8, 4), (1, 1, 40), (6, 3, 1))
Update = dict[str, int]


class Bench:
    """The writer, its updates and its writes."""

    def __init__(self, dut: Any, shape: tuple[int, int, int], stall: float = 0.0, seed: int = 0) -> None:
        config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{shape} {stall} {seed}")
        self.tensor, self.drain = Tensor(*shape, config.drain), config.drain
        self.source = StreamSource(dut, "i", mask_update(config), stall, seed)
        self.taken = Timed(dut, "i", mask_update(config))
        self.masks = Writes(dut, "mask_en", "mask_address", "mask_bits")
        self.flags = Writes(dut, "flag_en", "flag_row", "flag")
        self.retired = 0
        dut.start.value = dut.finish.value = 0
        every_cycle(dut, self._retire)

    def _retire(self) -> None:
        self.retired += int(self.dut.retired.value)

    def updates(self, words: list[tuple[int, int, int]], density: float) -> list[Update]:
        """Updates for some words (row, column, word) of the tensor, in their order."""
        rng = self.rng
        return [
            {
                "offset": self.tensor.offset(y, x, word),
                "bits": sum((rng.random() < density) << d for d in range(self.drain)),
                "last": int(rng.random() < 0.3),
            }
            for y, x, word in words
        ]

    def words(self, share: float, rows: float = 1.0) -> list[tuple[int, int, int]]:
        """Some words of some rows."""
        rng, chosen = self.rng, [self.rng.random() < rows for _ in range(self.tensor.height)]
        return [place for place in self.tensor.places() if chosen[place[0]] and rng.random() < share]

    async def pulse(self, name: str) -> int:
        """Give a pulse; the cycle in which the writer sees it."""
        await RisingEdge(self.dut.clk)
        getattr(self.dut, name).value = 1
        await RisingEdge(self.dut.clk)
        getattr(self.dut, name).value = 0
        return cycle()

    async def check(self, updates: list[Update]) -> int:
        """Give a tensor's updates, compare what is written; the cycles from ``finish`` until it is closed."""
        tensor, pitch = self.tensor, self.tensor.mask_pitch
        set_layer(self.dut, out_pitch=tensor.pitch, out_masks=MASKS, out_rows=ROWS, out_height=tensor.height)
        await self.pulse("start")
        self.retired = 0
        for log in (self.taken.items, self.taken.cycles, self.masks.log, self.flags.log):
            log.clear()
        self.source.send(updates)
        await self.source.sent()
        finished = await self.pulse("finish")
        for _ in range(20 + tensor.height * pitch):
            await RisingEdge(self.dut.clk)
            if not int(self.dut.busy.value):
                break
        else:
            raise AssertionError("still busy")
        closing = cycle() - finished - 1

        wanted = [0] * (tensor.height * pitch)
        for update in updates:
            element = update["offset"] * self.drain
            wanted[element // 32] |= update["bits"] << element % 32
        flags = [int(any(wanted[y * pitch : (y + 1) * pitch])) for y in range(tensor.height)]
        assert self.flags.log == [(ROWS + y, flag) for y, flag in enumerate(flags)]
        written = {address: bits for address, bits in self.masks.log}  # noqa: C416
        assert list(written) == sorted(written), "mask words in order"
        assert len(written) == len(self.masks.log), "each once"
        assert written.keys() <= {MASKS + n for n in range(len(wanted))}, "inside the tensor"
        for n, bits in enumerate(wanted):
            if flags[n // pitch]:
                assert written.get(MASKS + n) == bits, f"mask word {n}"
            else:
                assert not written.get(MASKS + n, 0), f"mask word {n}"
        assert self.retired == sum(update["last"] for update in updates)
        return closing


@cocotb.test()
@cocotb.parametrize(shape=SHAPES, stall=[0.0, 0.5])
async def tensors(dut: Any, shape: tuple[int, int, int], stall: float) -> None:
    """All words, some, whole rows left out, none; every element an event, few, none."""
    bench = Bench(dut, shape, stall)
    await start(dut)
    for share, rows, density in UPDATES:
        await bench.check(bench.updates(bench.words(share, rows), density))


@cocotb.test()
async def single_changes(dut: Any) -> None:
    """One event, in each corner and along each border, in an update alone or among all."""
    bench = Bench(dut, (3, 20, 9))
    await start(dut)
    for y, x, channel in bench.tensor.borders():
        place = y, x, channel // bench.drain
        here = {"offset": bench.tensor.offset(*place), "bits": 1 << channel % bench.drain, "last": 1}
        if bench.rng.random() < 0.8:
            await bench.check([here])
        else:
            every = bench.updates(list(bench.tensor.places()), 0)
            await bench.check([here if u["offset"] == here["offset"] else u for u in every])


@cocotb.test()
async def one_update_a_cycle(dut: Any) -> None:
    """One a cycle within a row, one more for each row and each mask word left out, as the docstring says."""
    bench = Bench(dut, (4, 20, 9))  # 8 mask words a row
    pitch = bench.tensor.mask_pitch
    await start(dut)
    closing = await bench.check(bench.updates(list(bench.tensor.places()), 1))
    per_row = bench.tensor.width * bench.tensor.words
    first = bench.taken.cycles[0]
    assert bench.taken.cycles == [first + n + n // per_row for n in range(4 * per_row)]
    assert closing == 1

    # Events in mask words 0, 1 and 5 of row 1: word by word to 5, to the row's end, the row after at once.
    words = 32 // bench.drain
    offsets = [bench.tensor.pitch + words * n for n in (0, 1, 5)] + [3 * bench.tensor.pitch]
    closing = await bench.check([{"offset": o, "bits": 1, "last": 0} for o in offsets])
    first = bench.taken.cycles[0]
    assert [c - first for c in bench.taken.cycles] == [0, 1, 5, 5 + (pitch - 5) + 1 + 1]
    assert closing == pitch

    assert await bench.check([]) == bench.tensor.height  # a still tensor


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """Nothing is written after a reset until the next tensor, which is right."""
    bench = Bench(dut, (4, 5, 9), stall)
    await start(dut)
    for cycles in range(1, 30, 4):
        await bench.pulse("start")
        bench.source.send(bench.updates(bench.words(1), 0.5))
        await wait(dut, cycles)
        dut.finish.value = int(cycles % 8 == 5)
        await reset(dut, bench.source, bench.taken, cycles=1 + cycles % 3)
        dut.finish.value = 0
        bench.masks.log.clear()
        bench.flags.log.clear()
        await wait(dut, 10)
        assert not bench.masks.log
        assert not bench.flags.log
        await bench.check(bench.updates(bench.words(0.5), 0.2))
