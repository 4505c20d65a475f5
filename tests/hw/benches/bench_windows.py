"""Layers on codes on Verilator (maximum, sum of two tensors, concatenation), with a model of CODES."""

from __future__ import annotations

import random
from typing import Any

import cocotb
import numpy as np
from small_arrays import small_array
from support import QUIET, Timed, cycle, every_cycle, noise, set_layer, wait
from tensors import Tensor
from window_layers import KINDS, Memory, Pair, WindowLayer, of_two, random_layer

from stillframe.contract import Op
from stillframe.hw.code_memory import CodeMemory
from stillframe.hw.payloads import KERNEL_ROWS, PLACE, sum_word, table_word
from stillframe.hw.window_reader import READS
from stillframe.hw.windows import Windows
from stillframe.sim.vip import StreamSource, packer, parameters, reset, start, unpacker


class Words:
    """What comes out of a port that cannot wait: ``items``, and in which ``cycles``."""

    def __init__(self, dut: Any, valid_name: str, name: str, shape: Any) -> None:
        self.items: list[Any] = []
        self.cycles: list[int] = []
        valid, word, item = getattr(dut, valid_name), getattr(dut, name), unpacker(shape)

        def look() -> None:
            if int(valid.value):
                self.items.append(item(int(word.value)))
                self.cycles.append(cycle())

        every_cycle(dut, look)

    def clear(self) -> None:
        self.items.clear()
        self.cycles.clear()


class Bench:
    """The windows, their streams and what they read."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.stall = self.full = stall  # how often there is no grant, no room
        self.memory: Memory = {}
        self.rows = StreamSource(dut, "rows", KERNEL_ROWS, stall, seed)
        self.taken = Timed(dut, "rows", KERNEL_ROWS)
        self.places = Words(dut, "promised", "place", PLACE)
        self.codes = Words(dut, "code_valid", "code", table_word(config))
        self.sums = Words(dut, "sum_valid", "sum", sum_word(config))
        self.pack = packer(table_word(config)["codes"].shape)
        self.reads: list[int] = []  # cycles, counted by ``now``
        self.now = self.owed = 0
        self.arriving = [0] * (CodeMemory.LATENCY - 1)
        self.room = False  # what was said to be in this cycle
        dut.read_grant.value = dut.next_room.value = dut.operand_next.value = 0
        every_cycle(dut, self._read)
        every_cycle(dut, self._owe)

    def _read(self) -> None:
        """Data comes some cycles after a granted read, and is gone in the next."""
        dut = self.dut
        self.now += 1
        codes = noise(self.rng, 8 * self.config.drain)
        if int(dut.read_en.value) and int(dut.read_grant.value):
            self.reads.append(self.now)
            codes = self.pack(self.memory[int(dut.read_address.value)])
        self.arriving.append(codes)
        dut.read_data.value = self.arriving.pop(0)
        dut.read_grant.value = int(self.rng.random() >= self.stall)
        assert not int(dut.promised.value) or self.room
        self.room = bool(int(dut.next_room.value))
        dut.next_room.value = int(self.rng.random() >= self.full)

    def _owe(self) -> None:
        """``busy`` says in each cycle whether words of rows taken have still to be promised; none comes
        before it is."""
        dut = self.dut
        assert int(dut.busy.value) == (self.owed > 0)
        if int(dut.rows__valid.value) and int(dut.rows__ready.value):
            self.owed += self.layer.output.pitch
        self.owed -= int(dut.promised.value)
        assert len(self.codes.items) + len(self.sums.items) <= len(self.places.items)

    async def set_layer(self, layer: WindowLayer) -> None:
        """Set up a layer on random codes, and forget what came of the one before."""
        self.layer, self.memory = layer, layer.memory(self.rng)
        set_layer(self.dut, **layer.fields())
        for stream in (self.places, self.codes, self.sums, self.taken):
            stream.clear()
        self.reads.clear()
        self.owed = 0
        await wait(self.dut, 2)

    @property
    def output(self) -> Words:
        """What the layer's words come from."""
        return self.sums if self.layer.op is Op.ADD else self.codes

    @property
    def all_rows(self) -> list[int]:
        return list(range(self.layer.output.height))

    def send(self, rows: list[int]) -> None:
        self.rows.send(self.layer.row(y) for y in rows)

    async def check(self, rows: list[int]) -> None:
        """Compute some rows and compare their words."""
        self.send(rows)
        await self.compare(rows)

    async def compare(self, rows: list[int]) -> None:
        """Compare the words of rows that were sent; nothing else may come."""
        layer = self.layer
        expected = [word for y in rows for word in layer.words(y, self.memory)]
        for _ in range(20_000):
            if len(self.output.items) == len(expected):
                break
            await wait(self.dut, 1)
        await wait(self.dut, QUIET)
        came = self.output.items
        if layer.op is Op.CONCAT:  # elements behind the last channel are anything
            came = [_channels(item) for item in came]
        assert came == [item["word"] for item in expected], f"{layer}"
        assert self.places.items == [item["place"] for item in expected], f"{layer}"
        assert len(self.codes.items) + len(self.sums.items) == len(expected), "the other port is silent"


def _channels(word: dict[str, Any]) -> dict[str, Any]:
    return word | {"codes": word["codes"][: word["valid"].bit_count()]}


def two_by_two(bench: Bench, size: Pair = (2, 3)) -> WindowLayer:
    """Windows of 4 pixels, of 3 words each."""
    source = Tensor(2 * size[0], 2 * size[1], 2 * bench.config.drain + 1, bench.config.drain)
    return WindowLayer(Op.POOL, (source,), size, 0, kernel=(2, 2), stride=(2, 2))


def two_tensors(bench: Bench, op: Op, channels: Pair, size: Pair = (2, 3)) -> WindowLayer:
    return of_two(bench.rng, op, size, channels, bench.config.drain)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7], kind=KINDS)
async def layers(dut: Any, stall: float, kind: str) -> None:
    """Random windows, of 1 x 1 too, and such without a pixel inside the image; all rows or some."""
    bench = Bench(dut, stall, KINDS.index(kind))
    await start(dut)
    done = hollow = 0
    while done < 8 or (kind == "pad" and not hollow):
        layer = random_layer(bench.rng, kind, bench.config.drain)
        if layer.output.height * layer.output.width * layer.reads > 250:
            continue
        done += 1
        await bench.set_layer(layer)
        share = bench.rng.choice((1, 0.5))
        rows = [y for y in bench.all_rows if bench.rng.random() < share]
        hollow += sum(not layer.image_rows(y) for y in rows)
        await bench.check(rows)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def every_remainder_of_a_concatenation(dut: Any, stall: float) -> None:
    """Numbers of channels in the last word of either tensor, with and without whole words before it."""
    bench = Bench(dut, stall, 10)
    await start(dut)
    drain = bench.config.drain
    numbers = range(1, 2 * drain + 1)
    pairs = [(first, second) for first in numbers for second in numbers]
    for channels in bench.rng.sample(pairs, min(64, len(pairs))):
        await bench.set_layer(two_tensors(bench, Op.CONCAT, channels, (1, 3)))
        await bench.check([0])


@cocotb.test()
async def latency_and_one_read_a_cycle(dut: Any) -> None:
    """A word is read in each cycle in which it can be added, over the ends of words, pixels and rows;
    latencies are as stated."""
    bench = Bench(dut)
    await start(dut)
    drain, add_latency = bench.config.drain, Windows.add_latency(bench.config)
    for layer, reads, latency in (
        (WindowLayer(Op.POOL, (Tensor(3, 9, 1, drain),), (3, 9), 0), 1, Windows.CODE_LATENCY),
        (two_by_two(bench, (2, 9)), 4, Windows.CODE_LATENCY),
        (two_tensors(bench, Op.ADD, (drain, drain), (3, 20)), 2, add_latency),
        (two_tensors(bench, Op.ADD, (3 * drain, 3 * drain)), 2, add_latency),
        (two_tensors(bench, Op.CONCAT, (drain, 1), (2, 9)), 1, Windows.CODE_LATENCY),
        (two_tensors(bench, Op.CONCAT, (drain, 2 * drain)), 1, Windows.CODE_LATENCY),
        (two_tensors(bench, Op.CONCAT, (2 * drain, 2 * drain - 1), (2, 9)), 1, Windows.CODE_LATENCY),
    ):
        await bench.set_layer(layer)
        await bench.check(bench.all_rows)
        every = bench.config.add_cycles if layer.op is Op.ADD else 1
        assert set(np.diff(bench.reads)) == {every}, f"{layer}"
        words = layer.output.height * layer.output.pitch
        assert len(bench.reads) == reads * words
        first = bench.taken.cycles[0] + Windows.READ_LATENCY
        assert bench.output.cycles == [first + (reads * n - 1) * every + latency for n in range(1, words + 1)]


@cocotb.test()
async def rest_of_a_concatenation_a_cycle_later(dut: Any) -> None:
    """Channels left over when all words are read go out in the next cycle, in which nothing is read."""
    bench = Bench(dut)
    await start(dut)
    drain = bench.config.drain
    await bench.set_layer(two_tensors(bench, Op.CONCAT, (drain - 1, drain), (2, 9)))
    await bench.check(bench.all_rows)
    first = bench.taken.cycles[0] + Windows.READ_LATENCY + Windows.CODE_LATENCY
    assert bench.output.cycles == [first + 3 * pixel + n for pixel in range(18) for n in (1, 2)]


@cocotb.test()
async def zero_points_wait_for_no_grant(dut: Any) -> None:
    """Nothing is read for windows outside the image."""
    bench = Bench(dut)
    await start(dut)
    source = Tensor(1, 4, bench.config.drain + 1, bench.config.drain)
    await bench.set_layer(WindowLayer(Op.POOL, (source,), (3, 4), -7, padding=(1, 0)))
    bench.stall = 1.0
    await bench.check([0, 2])
    assert not bench.reads


def of_each_operator(bench: Bench) -> list[WindowLayer]:
    channels = 3 * bench.config.drain + 1
    return [
        two_by_two(bench, (3, 9)),
        WindowLayer(Op.POOL, (Tensor(3, 20, channels, bench.config.drain),), (3, 20), 0),
        *(two_tensors(bench, op, (channels, channels), (3, 9)) for op in (Op.ADD, Op.CONCAT)),
        two_tensors(bench, Op.CONCAT, (bench.config.drain - 1, bench.config.drain), (3, 20)),
    ]


@cocotb.test()
@cocotb.parametrize(case=range(5))
async def no_room(dut: Any, case: int) -> None:
    """Without room nothing is read, and it goes on; with room now and then, all the same."""
    bench = Bench(dut)
    await start(dut)
    for full in (1.0, 0.9, 0.6):
        await bench.set_layer(of_each_operator(bench)[case])
        bench.full = full
        bench.send(bench.all_rows)
        await wait(dut, 150)
        if full == 1.0:
            assert not bench.reads
            assert len(bench.taken.items) < len(bench.all_rows)
            bench.full = 0.0
        await bench.compare(bench.all_rows)


@cocotb.test()
@cocotb.parametrize(case=range(5))
async def no_grant(dut: Any, case: int) -> None:
    """Without a grant no more words are promised than reads can wait; then it goes on."""
    bench = Bench(dut)
    await start(dut)
    await bench.set_layer(of_each_operator(bench)[case])
    bench.stall = 1.0
    bench.send(bench.all_rows)
    await wait(dut, 150)
    assert len(bench.places.items) <= READS
    bench.stall = 0.0
    await bench.compare(bench.all_rows)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 1)
    await start(dut)
    for cycles in range(1, 40, 4):
        for layer in of_each_operator(bench):
            await bench.set_layer(layer)
            bench.send(bench.all_rows)
            await wait(dut, cycles)
            await reset(dut, bench.rows, bench.taken, cycles=1 + cycles % 3)
            bench.owed = 0
            for words in (bench.places, bench.codes, bench.sums):
                words.clear()
            await wait(dut, QUIET)
            assert not bench.places.items
            assert not bench.codes.items
            assert not bench.sums.items
            await bench.check([1])
