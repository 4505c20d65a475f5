"""Sums that a MAC layer makes while its words pass, with the adder, in Amaranth's simulator."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator, SimulatorContext
from asserted import drive, simulate
from requantise_reference import random_operand
from small_arrays import small_array
from stream_bench import plain

from stillframe.hw.fused_add import FusedAdd
from stillframe.hw.residual_add import ResidualAdd

CONFIG = small_array("1x16")
SECOND, WORDS = 100, 3
"""CODES word of the second tensor; activation words of an output pixel."""


def codes(rng: random.Random) -> list[int]:
    return [rng.randrange(-128, 128) for _ in range(CONFIG.drain)]


@pytest.mark.parametrize("subtract", [False, True])
def test_sums(subtract: bool) -> None:
    """Words an even number of cycles apart; memory and next offset are anything when they are not asked for.
    The sum comes ``LATENCY`` cycles after its word."""
    rng = random.Random(subtract)
    fused, adder = FusedAdd(CONFIG), ResidualAdd(CONFIG)
    m = Module()
    m.submodules += [fused, adder]
    m.d.comb += [adder.i.eq(fused.operand), adder.valid.eq(fused.operand_valid)]
    m.d.comb += [
        getattr(adder.layer, name).eq(getattr(fused.layer, name)) for name in adder.layer.signature.members
    ]
    first, second = random_operand(rng), random_operand(rng, subtract)
    fields = {
        "second_codes": SECOND,
        "out_words": WORDS,
        "subtract": subtract,
        "in_zero_point": first.zero_point,
        "in_multiplier": first.multiplier,
        "in_shift": first.shift,
        "second_zero_point": second.zero_point,
        "second_multiplier": second.multiplier,
        "second_shift": second.shift,
    }
    memory = {SECOND + offset: codes(rng) for offset in range(200)}
    words: dict[int, dict[str, Any]] = {}  # by cycle
    for cycle in range(2, 400, 2):
        if cycle < 40 or rng.random() < 0.5:
            row, offset = rng.randrange(1000), rng.randrange(200)
            valid = rng.randrange(1, 1 << CONFIG.drain)
            words[cycle] = {"codes": codes(rng), "row": row, "offset": offset, "valid": valid}
    came: dict[int, dict[str, Any]] = {}

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, fused.layer, **fields)
        read, arriving = codes(rng), codes(rng)
        for cycle in range(420):
            word, following = words.get(cycle), words.get(cycle + 1)
            anything = {"codes": codes(rng), "row": 7, "offset": rng.randrange(200), "valid": 0}
            drive(ctx, fused, valid=word is not None, i=word or anything, read_data=read)
            drive(ctx, fused, next_offset=following["offset"] if following else rng.randrange(200))
            assert ctx.get(fused.read_en) == (word is not None)
            read, arriving = arriving, memory[ctx.get(fused.read_address)] if word else codes(rng)
            if ctx.get(adder.done):
                came[cycle] = plain(ctx.get(adder.o.word))
            await ctx.tick()

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert list(came) == [cycle + FusedAdd.LATENCY for cycle in words]
    for word, total in zip(words.values(), came.values(), strict=True):
        pairs = zip(word["codes"], memory[SECOND + word["offset"]], strict=True)
        z = [first.rescale(own) + second.rescale(other) for own, other in pairs]
        assert total == {"z": z, "row": word["row"] + WORDS} | {n: word[n] for n in ("offset", "valid")}


def test_words_in_neighbouring_cycles_are_caught() -> None:
    fused = FusedAdd(CONFIG)

    async def words(ctx: SimulatorContext, pause: int) -> None:
        for _ in range(2):
            drive(ctx, fused, valid=1)
            await ctx.tick()
            drive(ctx, fused, valid=0)
            for _ in range(pause):
                await ctx.tick()

    async def bench(ctx: SimulatorContext) -> None:
        await words(ctx, 1)

    async def forbidden(ctx: SimulatorContext) -> None:
        await words(ctx, 0)
        await ctx.tick()

    simulate(fused, bench, forbidden)
