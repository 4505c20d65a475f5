"""Layers on codes on Verilator (maximum, sum of two tensors, concatenation), with a model of CODES."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from geometry import Base, Geometry, random_geometry
from receptive_fields import Changes, find
from requantise_reference import random_operand
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, every_cycle, noise, set_layer, wait
from tensors import Tensor

from stillframe.contract import Op
from stillframe.hw.payloads import TAG, sum_word, table_word
from stillframe.hw.window_reader import PLACES
from stillframe.hw.windows import Windows
from stillframe.sim.vip import StreamSource, pack, parameters, reset, start

FIRST, SECOND = Base(codes=30000, params=11), Base(codes=900)
KINDS = ("pool", "pad", "resize", "add", "concat")
Words = list[dict[str, Any]]


class Bench:
    """The windows, their streams and what they read."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng, self.stall = dut, random.Random(f"{stall} {seed}"), stall
        self.memory: dict[int, list[int]] = {}
        self.tags = StreamSource(dut, "tags", TAG, stall, seed)
        self.taken = Timed(dut, "tags", TAG)
        self.codes = TimedSink(dut, "codes", table_word(config), stall, seed)
        self.sums = TimedSink(dut, "sums", sum_word(config), stall, seed)
        self.shape = table_word(config)["codes"].shape
        self.reads = 0
        dut.read_grant.value = 0
        every_cycle(dut, self._read)

    def _read(self) -> None:
        """Data comes in the cycle after a granted read, and is gone in the next."""
        dut = self.dut
        if int(dut.read_en.value) and int(dut.read_grant.value):
            self.reads += 1
            dut.read_data.value = pack(self.shape, self.memory[int(dut.read_address.value)])
        else:
            dut.read_data.value = noise(self.rng, 8 * self.config.drain)
        dut.read_grant.value = int(self.rng.random() >= self.stall)

    def layer(self, geometry: Geometry) -> Words:
        """Set up a layer on random codes; the tags of all its pixels."""
        rng = self.rng
        self.geometry, self.zero_point = geometry, rng.randrange(-128, 128)
        self.bases = rng.sample((FIRST, SECOND), 2) if geometry.second else [FIRST]
        self.operands = [random_operand(rng), random_operand(rng, negate=rng.random() < 0.5)]
        first, second = self.operands
        fields = geometry.fields(*self.bases) | {"params": FIRST.params, "out_zero_point": self.zero_point}
        fields |= {
            "in_zero_point": first.zero_point,
            "in_multiplier": first.multiplier,
            "in_shift": first.shift,
            "second_zero_point": second.zero_point,
            "second_multiplier": second.multiplier,
            "second_shift": second.shift,
            "subtract": int(second.negate),
        }
        set_layer(self.dut, **fields)
        self.memory = {
            base.codes + tensor.offset(*place): [
                rng.choice((-128, 127, rng.randrange(-128, 128))) for _ in range(tensor.drain)
            ]
            for base, tensor in zip(self.bases, geometry.inputs, strict=True)
            for place in tensor.places()
        }
        still = [Changes({}, set()) for _ in self.bases]
        return find(geometry, self.bases[0], still, True, *self.bases[1:]).tags

    def pixel(self, tag: dict[str, int]) -> Words:
        """The words of an output pixel."""
        target, op = self.geometry.output, self.geometry.op
        if op is Op.CONCAT:
            elements = self._concatenated(tag)
            rows = [0] * target.words
        else:
            elements = [e for word in range(target.words) for e in self._reduced(tag, word)]
            rows = [FIRST.params + word for word in range(target.words)]
        drain = target.drain
        return [
            {
                "z" if op is Op.ADD else "codes": elements[word * drain : (word + 1) * drain],
                "row": row,
                "offset": tag["offset"] + word,
                "valid": sum(real << d for d, real in enumerate(target.real(word))),
                "last": int(word == target.words - 1),
            }
            for word, row in enumerate(rows)
        ]

    def _reduced(self, tag: dict[str, int], word: int) -> list[int]:
        """A word of maxima over a window's rows and columns, or of sums over two tensors."""
        source = self.geometry.input
        if not tag["rows"]:
            return [self.zero_point] * source.drain
        if self.geometry.op is Op.ADD:
            at = tag["source"] - self.bases[0].codes + word
            words = [self.memory[base.codes + at] for base in self.bases]
            terms = [map(o.rescale, codes) for o, codes in zip(self.operands, words, strict=True)]
            return [sum(pair) for pair in zip(*terms, strict=True)]
        window = [
            self.memory[tag["source"] + row * source.pitch + column + word]
            for row in range(tag["rows"])
            for column in range(0, tag["span"], source.words)
        ]
        return [max(codes) for codes in zip(*window, strict=True)]

    def _concatenated(self, tag: dict[str, int]) -> list[int]:
        """The channels of a pixel of both tensors."""
        starts = (tag["source"], tag["span"])
        channels: list[int] = []
        for at, tensor in zip(starts, self.geometry.inputs, strict=True):
            elements = [e for word in range(tensor.words) for e in self.memory[at + word]]
            channels += elements[: tensor.channels]
        return channels

    @property
    def output(self) -> TimedSink:
        """The stream that the layer's words come from."""
        return self.sums if self.geometry.op is Op.ADD else self.codes

    async def check(self, tags: Words) -> None:
        """Compute some pixels and compare their words."""
        self.taken.clear()
        self.tags.send(tags)
        await self.compare(tags)

    async def compare(self, tags: Words) -> None:
        """Compare the words of pixels whose tags were sent; nothing else may come."""
        expected = [word for tag in tags for word in self.pixel(tag)]
        await self.output.count(len(expected))
        await wait(self.dut, QUIET)
        came = list(self.output.items)
        if self.geometry.op is Op.CONCAT:  # elements behind the last channel are anything
            came = [word | {"codes": word["codes"][: word["valid"].bit_count()]} for word in came]
        assert came == expected, f"{self.geometry}"
        assert len(self.codes.items) + len(self.sums.items) == len(expected), "the other stream is silent"


def clear(bench: Bench) -> None:
    """Forget what came."""
    bench.codes.clear()
    bench.sums.clear()


def two_by_two(bench: Bench) -> Geometry:
    """Windows of 4 pixels, of 3 words each."""
    source = Tensor(4, 6, 2 * bench.config.drain + (bench.config.drain > 1), bench.config.drain)
    return Geometry(Op.POOL, source, source.channels, 16, (2, 2), (2, 2))


def of_two(bench: Bench, op: Op, first: int, second: int) -> Geometry:
    """Two tensors of 2 x 3 pixels with so many channels."""
    tensors = [Tensor(2, 3, channels, bench.config.drain) for channels in (first, second)]
    channels = first if op is Op.ADD else first + second
    return Geometry(op, tensors[0], channels, 16, second=tensors[1])


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7], kind=KINDS)
async def layers(dut: Any, stall: float, kind: str) -> None:
    """Random windows, of 1 x 1 too, and such without a pixel inside the image; all pixels or some."""
    bench = Bench(dut, stall, KINDS.index(kind))
    await start(dut)
    config, done, hollow = bench.config, 0, 0
    while done < 8 or (kind == "pad" and not hollow):
        geometry = random_geometry(bench.rng, kind, config.drain, config.total_lanes)
        window = geometry.kernel[0] * geometry.kernel[1] * geometry.input.words
        if geometry.output.height * geometry.output.width * window > 250:
            continue
        done += 1
        share = bench.rng.choice((1, 0.3))
        tags = [tag for tag in bench.layer(geometry) if bench.rng.random() < share]
        hollow += sum(not tag["rows"] for tag in tags)
        clear(bench)
        await bench.check(tags)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def every_remainder_of_a_concatenation(dut: Any, stall: float) -> None:
    """Every number of channels in the last word of either tensor, with and without whole words before it."""
    bench = Bench(dut, stall, 10)
    await start(dut)
    numbers = range(1, 2 * bench.config.drain + 1)
    for first in numbers:
        for second in numbers:
            tags = bench.layer(of_two(bench, Op.CONCAT, first, second))
            clear(bench)
            await bench.check(tags[:4])


@cocotb.test()
async def latency_and_one_read_a_cycle(dut: Any) -> None:
    """A tag takes a cycle and one more for each word read."""
    bench = Bench(dut)
    await start(dut)
    words = bench.config.drain
    for geometry, reads, latency in (
        (two_by_two(bench), 4, Windows.POOL_LATENCY),
        (of_two(bench, Op.ADD, 3 * words, 3 * words), 2, Windows.ADD_LATENCY),
        (of_two(bench, Op.CONCAT, words, 2 * words), 1, Windows.POOL_LATENCY),
    ):
        tags = bench.layer(geometry)
        clear(bench)
        await bench.check(tags)
        words_out = geometry.output.words
        first = bench.taken.cycles[0]
        taken = [first + n * (1 + reads * words_out) for n in range(len(tags))]
        assert bench.taken.cycles == taken
        wanted = [t + reads * n + latency for t in taken for n in range(1, words_out + 1)]
        assert bench.output.cycles == wanted


@cocotb.test()
async def rest_of_a_concatenation_a_cycle_later(dut: Any) -> None:
    """Channels that do not fill a word wait for the pixel's end, and go out in the cycle after it."""
    bench = Bench(dut)
    await start(dut)
    drain = bench.config.drain
    tags = bench.layer(of_two(bench, Op.CONCAT, max(1, drain - 1), drain))
    await bench.check(tags)
    # The first word is full with the second one read, the rest goes out after it; one element is a word.
    late = Windows.POOL_LATENCY + (drain > 1)
    assert bench.codes.cycles == [t + n + late for t in bench.taken.cycles for n in (1, 2)]


def full(bench: Bench) -> list[Geometry]:
    """A layer of each operator, with more words than there are places."""
    drain = bench.config.drain
    channels = 3 * drain + (drain > 1)
    return [
        two_by_two(bench),
        *(of_two(bench, op, channels, channels) for op in (Op.ADD, Op.CONCAT)),
    ]


@cocotb.test()
@cocotb.parametrize(op=[Op.POOL, Op.ADD, Op.CONCAT])
async def full_output_queue(dut: Any, op: Op) -> None:
    """With nobody taking words it stops reading, loses none, and goes on."""
    bench = Bench(dut)
    await start(dut)
    geometry = next(geometry for geometry in full(bench) if geometry.op is op)
    tags = bench.layer(geometry)
    bench.output.stall = 1.0
    bench.tags.send(tags)
    await wait(dut, 150)
    assert not int(dut.read_en.value)
    assert len(bench.taken.items) < len(tags)
    bench.output.stall = 0.0
    await bench.compare(tags)


@cocotb.test()
@cocotb.parametrize(stall=[0.2, 0.8])
async def no_place_is_lost(dut: Any, stall: float) -> None:
    """After layers of all kinds as many words as ever are read before the first one is taken."""
    bench = Bench(dut, stall, 12)
    await start(dut)
    elementwise = Geometry(Op.POOL, Tensor(2, 8, 1, bench.config.drain), 1, 16)
    for geometry in full(bench) + [of_two(bench, Op.CONCAT, n, 3) for n in range(1, 6)]:
        tags = bench.layer(geometry)
        clear(bench)
        await bench.check(tags)
        tags = bench.layer(elementwise)
        clear(bench)
        bench.codes.stall, bench.reads = 1.0, 0
        bench.tags.send(tags)
        await wait(dut, 200)
        assert bench.reads == PLACES - 1
        bench.codes.stall = stall
        await bench.compare(tags)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 1)
    await start(dut)
    for cycles in range(1, 40, 4):
        for geometry in full(bench):
            tags = bench.layer(geometry)
            bench.tags.send(tags)
            await wait(dut, cycles)
            await reset(dut, bench.tags, bench.taken, bench.codes, bench.sums, cycles=1 + cycles % 3)
            await wait(dut, QUIET)
            assert not bench.codes.items
            assert not bench.sums.items
            await bench.check(tags[:2])
            clear(bench)
