"""The rescaling of an ADD's operands against TFLite's arithmetic, in Amaranth's simulator."""

from __future__ import annotations

import random
from itertools import product

import pytest
from amaranth.sim import Simulator, SimulatorContext
from requantise_reference import Operand, random_operand

from stillframe.hw.rescale_lane import RescaleLane


def rescaled(operands: list[tuple[int, Operand]]) -> list[int]:
    """What the lane makes of codes given one a cycle, each taken ``LATENCY`` cycles after it was given."""
    lane = RescaleLane()
    came: list[int] = []

    async def bench(ctx: SimulatorContext) -> None:
        for cycle in range(len(operands) + lane.LATENCY - 1):
            if cycle < len(operands):
                code, operand = operands[cycle]
                ctx.set(lane.code, code)
                for name in ("multiplier", "shift", "negate"):
                    ctx.set(getattr(lane, name), getattr(operand, name))
                ctx.set(lane.zero_point, ~operand.zero_point if operand.negate else operand.zero_point)
            await ctx.tick()
            if cycle >= lane.LATENCY - 1:
                came.append((ctx.get(lane.twice) + 1) >> 1)

    sim = Simulator(lane)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return came


def check(operands: list[tuple[int, Operand]]) -> None:
    for (code, operand), scaled in zip(operands, rescaled(operands), strict=True):
        assert scaled == operand.rescale(code), (code, operand)
        assert abs(scaled) < 2**28


@pytest.mark.parametrize("negate", [False, True])
def test_ends_of_every_operand_and_all_shifts(negate: bool) -> None:
    pairs = product((-128, -1, 0, 1, 127), (-128, -1, 0, 127))  # codes and zero points
    multipliers = (0, 1, 1 << 30, (1 << 30) + 1, 2**31 - 1)
    check(
        [
            (code, Operand(zero_point, multiplier, shift, negate))
            for (code, zero_point), multiplier, shift in product(pairs, multipliers, range(16))
        ]
    )


@pytest.mark.parametrize("negate", [False, True])
def test_every_distance(negate: bool) -> None:
    """All digits of the distance, with a multiplier whose multiples are all different."""
    operand = Operand(-128, 0x5A5A_A5A5, 0, negate)
    check([(code, operand) for code in range(-128, 128)])


@pytest.mark.parametrize("negate", [False, True])
def test_halves_round_as_in_tflite(negate: bool) -> None:
    """Halves of the first rounding, by 2**11, go up whatever the sign, those of the second away from zero."""
    first = [(code, Operand(0, 1 << 10, 0, negate)) for code in range(-9, 10)]
    second = [(code, Operand(0, 1 << 11, shift, negate)) for code in range(-128, 128) for shift in (1, 2, 3)]
    check(first + second)
    sign = -1 if negate else 1
    halves = [Operand(0, 1 << 10, 0, negate).rescale(sign * code) for code in (-3, -1, 1, 3)]
    assert halves == [-1, 0, 1, 2]
    assert [Operand(0, 1 << 11, 1, negate).rescale(sign * code) for code in (-3, -1, 1, 3)] == [-2, -1, 1, 2]


def test_anything() -> None:
    rng = random.Random(1)
    check([(rng.randrange(-128, 128), random_operand(rng, rng.random() < 0.5)) for _ in range(6000)])
