"""Maximum pooling on Verilator, with a model of CODES that it shares with others."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from receptive_fields import Base, Geometry, find, random_geometry
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, every_cycle, noise, set_layer, wait
from tensors import Tensor

from stillframe.hw.max_pool import MaxPool
from stillframe.hw.payloads import TAG, table_word
from stillframe.sim.vip import StreamSource, pack, parameters, reset, start

BASE = Base(codes=30, params=11)


class Bench:
    """The pool, its streams and what it reads."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng, self.stall = dut, random.Random(f"{stall} {seed}"), stall
        self.word = table_word(config)
        self.memory: dict[int, list[int]] = {}
        self.tags = StreamSource(dut, "tags", TAG, stall, seed)
        self.taken = Timed(dut, "tags", TAG)
        self.words = TimedSink(dut, "o", self.word, stall, seed)
        dut.read_grant.value = 0
        every_cycle(dut, self._read)

    def _read(self) -> None:
        """Data comes in the cycle after a granted read, and is gone in the next."""
        dut, shape = self.dut, self.word["codes"].shape
        if int(dut.read_en.value) and int(dut.read_grant.value):
            dut.read_data.value = pack(shape, self.memory[int(dut.read_address.value)])
        else:
            dut.read_data.value = noise(self.rng, 8 * self.config.drain)
        dut.read_grant.value = int(self.rng.random() >= self.stall)

    def layer(self, geometry: Geometry) -> list[dict[str, int]]:
        """Set up a layer on random codes; the tags of all its pixels."""
        rng, source = self.rng, geometry.input
        set_layer(self.dut, **geometry.fields(), **BASE.fields())
        self.memory = {
            BASE.codes + source.offset(*place): [
                rng.choice((-128, 127, rng.randrange(-128, 128))) for _ in range(source.drain)
            ]
            for place in source.places()
        }
        return find(geometry, BASE, set(), {}, everything=True, pooling=True).tags

    def pixel(self, geometry: Geometry, tag: dict[str, int]) -> list[dict[str, Any]]:
        """The words of an output pixel: the maximum over its window's rows and columns."""
        source = geometry.input
        result = []
        for word in range(source.words):
            window = [
                self.memory[tag["source"] + row * source.pitch + column + word]
                for row in range(tag["rows"])
                for column in range(0, tag["span"], source.words)
            ]
            result.append(
                {
                    "codes": [max(codes) for codes in zip(*window, strict=True)],
                    "row": BASE.params + word,
                    "offset": tag["offset"] + word,
                    "valid": sum(real << d for d, real in enumerate(source.real(word))),
                    "last": int(word == source.words - 1),
                }
            )
        return result

    async def check(self, geometry: Geometry, tags: list[dict[str, int]]) -> None:
        """Pool some pixels and compare their words."""
        self.taken.clear()
        self.words.clear()
        self.tags.send(tags)
        expected = [word for tag in tags for word in self.pixel(geometry, tag)]
        await self.words.count(len(expected))
        await wait(self.dut, QUIET)
        assert self.words.items == expected


def size(geometry: Geometry) -> int:
    """Words to be read, more or less."""
    window = geometry.kernel[0] * geometry.kernel[1] * geometry.input.words
    return geometry.output.height * geometry.output.width * window


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7])
async def layers(dut: Any, stall: float) -> None:
    """Random windows, 1 x 1 among them; all pixels or some."""
    bench = Bench(dut, stall)
    await start(dut)
    config, done = bench.config, 0
    while done < 10:
        geometry = random_geometry(bench.rng, config.drain, config.total_lanes, pooling=True)
        if size(geometry) > 250 or geometry.input.size > config.codes_words - BASE.codes:
            continue
        done += 1
        tags = bench.layer(geometry)
        share = bench.rng.choice((1, 0.3))
        await bench.check(geometry, [tag for tag in tags if bench.rng.random() < share])


def two_by_two(bench: Bench) -> Geometry:
    """Windows of 4 pixels, of 3 words each."""
    source = Tensor(4, 6, 2 * bench.config.drain + 1, bench.config.drain)
    return Geometry.make(source, source.channels, (2, 2), (2, 2), False, 16)


@cocotb.test()
async def latency_and_one_read_a_cycle(dut: Any) -> None:
    """A tag takes a cycle and one more for each pixel and word of its window."""
    bench = Bench(dut)
    await start(dut)
    geometry = two_by_two(bench)
    await bench.check(geometry, bench.layer(geometry))
    pixels, words, latency = 4, 3, MaxPool.LATENCY
    first = bench.taken.cycles[0]
    taken = [first + n * (1 + pixels * words) for n in range(len(bench.taken.items))]
    assert bench.taken.cycles == taken
    assert bench.words.cycles == [t + pixels * n + latency for t in taken for n in range(1, words + 1)]


@cocotb.test()
async def full_output_queue(dut: Any) -> None:
    """With nobody taking words it stops reading, loses none, and goes on."""
    bench = Bench(dut)
    await start(dut)
    geometry = two_by_two(bench)
    tags = bench.layer(geometry)
    bench.words.stall = 1.0
    bench.tags.send(tags)
    await wait(dut, 150)
    assert not int(dut.read_en.value)
    assert len(bench.taken.items) < len(tags)
    bench.words.stall = 0.0
    expected = [word for tag in tags for word in bench.pixel(geometry, tag)]
    await bench.words.count(len(expected))
    assert bench.words.items == expected


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 1)
    await start(dut)
    geometry = two_by_two(bench)
    for cycles in range(1, 40, 5):
        tags = bench.layer(geometry)
        bench.tags.send(tags)
        await wait(dut, cycles)
        await reset(dut, bench.tags, bench.taken, bench.words, cycles=1 + cycles % 3)
        await wait(dut, QUIET)
        assert not bench.words.items
        await bench.check(geometry, tags[:2])
