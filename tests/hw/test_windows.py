"""What the layers on codes assert, in Amaranth's simulator; their results are in the bench on Verilator."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from amaranth.sim import SimulatorContext
from asserted import drive, simulate
from geometry import Base, Geometry
from receptive_fields import Changes, find
from small_arrays import small_array
from tensors import Tensor

from stillframe.contract import Op
from stillframe.hw.concatenation import Concatenation
from stillframe.hw.window_reader import PLACES, WindowReader
from stillframe.hw.windows import Windows

CONFIG = small_array("1x16@25F")
BASES = (Base(), Base(codes=100))


@pytest.mark.parametrize("drain", [1, 2, 4])
@pytest.mark.parametrize("op", [Op.POOL, Op.ADD, Op.CONCAT])
def test_places_are_neither_lost_nor_used_twice(op: Op, drain: int) -> None:
    """Whatever the output's stalls, there is a place for each word, and the reader counts them right."""
    windows = Windows(replace(CONFIG, drain=drain))
    rng = random.Random(f"{op} {drain}")

    async def bench(ctx: SimulatorContext) -> None:
        out = windows.sums if op is Op.ADD else windows.codes
        for first in range(1, 2 * drain + 2):
            second = first if op is Op.ADD else rng.randrange(1, 2 * drain + 2)
            tensors = [Tensor(2, 12, channels, drain) for channels in (first, second)]
            channels = first + (second if op is Op.CONCAT else 0)
            geometry = Geometry(op, tensors[0], channels, 16, second=None if op is Op.POOL else tensors[1])
            bases = BASES[: len(geometry.inputs)]
            drive(ctx, windows.layer, **geometry.fields(*bases))
            tags = find(geometry, bases[0], [Changes({}, set())] * len(bases), True, *bases[1:]).tags
            wanted, came, sent, cycle = len(tags) * geometry.output.words, 0, 0, 0
            while came < wanted:
                share = (0.05, 0.5, 1.0)[cycle // 40 % 3]
                waiting = sent < len(tags)
                drive(ctx, windows.tags, valid=waiting, payload=tags[sent] if waiting else {})
                drive(ctx, windows, read_grant=rng.random() < 0.9)
                drive(ctx, out, ready=rng.random() < share)
                sent += ctx.get(windows.tags.valid & windows.tags.ready)
                came += ctx.get(out.valid & out.ready)
                await ctx.tick()
                cycle += 1
                assert cycle < 100 * wanted, "no more words come"

    simulate(windows, bench)


def test_a_word_in_the_cycle_of_a_rest_is_caught() -> None:
    concatenation = Concatenation(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        word = {"count": 1, "first": 1, "ready": 1}
        drive(ctx, concatenation, valid=1, i=word)
        await ctx.tick()
        drive(ctx, concatenation, valid=0)
        assert ctx.get(concatenation.done & concatenation.extra)
        await ctx.tick()
        drive(ctx, concatenation, valid=1)
        await ctx.tick()

    async def forbidden(ctx: SimulatorContext) -> None:
        await ctx.tick()

    simulate(concatenation, bench, forbidden)


def test_a_place_given_back_twice_is_caught() -> None:
    reader = WindowReader(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, reader, extra=1)
        await ctx.tick()
        drive(ctx, reader, extra=0, taken=1)
        await ctx.tick()

    async def forbidden(ctx: SimulatorContext) -> None:
        await ctx.tick()

    simulate(reader, bench, forbidden)


def test_more_words_than_places_are_caught() -> None:
    reader = WindowReader(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, reader, extra=1)
        for _ in range(PLACES):
            await ctx.tick()

    async def forbidden(ctx: SimulatorContext) -> None:
        await ctx.tick()
        await ctx.tick()  # it is seen a cycle later

    simulate(reader, bench, forbidden)
