"""The compact machine's scaler against TFLite's arithmetic, in Amaranth's simulator."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.sim import Simulator
from requantise_reference import Channel, random_channel, rounding_divide, rounding_high_mul, wrap

from stillframe.hw.compact.scaler import Scaler

HALF = 1 << 30
"""The multiplier that halves: of an even number the first rounding has nothing to do."""


def expected(x: int, channel: Channel, once: bool) -> int:
    """See :class:`Scaler`."""
    y = wrap(x << channel.left)
    if once:
        return (y * channel.multiplier + (1 << 30 + channel.right)) >> 31 + channel.right
    return rounding_divide(rounding_high_mul(y, channel.multiplier), channel.right)


def scale(cases: list[tuple[int, Channel, bool]]) -> list[int]:
    """What the scaler makes of numbers, one after the other."""
    dut: Any = Scaler()
    results: list[int] = []

    async def put(ctx: Any, port: Any, value: int) -> None:
        ctx.set(dut.value, value & 0xFFFFFFFF)
        ctx.set(port, 1)
        await ctx.tick()
        ctx.set(port, 0)

    async def bench(ctx: Any) -> None:
        for x, channel, once in cases:
            await put(ctx, dut.put_multiplier, channel.multiplier)
            await put(ctx, dut.put_shift, channel.right | channel.left << 5)
            await put(ctx, dut.put_once, once)
            await put(ctx, dut.start, x)
            cycles = 0
            while ctx.get(dut.busy):
                await ctx.tick()
                cycles += 1
                assert cycles < 64
            results.append(wrap(ctx.get(dut.result)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return results


def check(cases: list[tuple[int, Channel, bool]]) -> None:
    for case, result in zip(cases, scale(cases), strict=True):
        assert result == expected(*case), case


@pytest.mark.parametrize("once", [False, True])
def test_halves_go_away_from_zero(once: bool) -> None:
    """And what lies right beside them; rounded once, they go up."""
    check(
        [
            (2 * (odd << right - 1) + beside, Channel(multiplier=HALF, right=right), once)
            for right in (1, 2, 3, 4, 5, 8, 15)
            for odd in (-5, -3, -1, 1, 3, 5)
            for beside in (-2, -1, 0, 1, 2)
        ]
    )


@pytest.mark.parametrize("once", [False, True])
def test_any_number(once: bool) -> None:
    rng = random.Random(once)
    numbers = [0, 1, -1, 2**26, -(2**26), 2**31 - 1, -(2**31)]
    cases = [(x, random_channel(rng), once) for x in numbers for _ in range(4)]
    cases += [(wrap(rng.getrandbits(rng.randint(1, 32))), random_channel(rng), once) for _ in range(150)]
    check(cases)
