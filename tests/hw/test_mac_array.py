"""What the banks, their expanders and the drain assert of each other, in Amaranth's simulator.

Each is met by what the part is for, and fails on what it forbids.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from amaranth.sim import SimulatorContext
from asserted import drive, simulate
from small_arrays import small_array

from stillframe.contract.array import SLOTS
from stillframe.hw.drain import Drain
from stillframe.hw.mac_bank import MacBank
from stillframe.hw.tap_expander import MARK_STEP, TapExpander

CONFIG = small_array("1x16@25F")


async def pulse(ctx: SimulatorContext, component: Any, name: str, value: int = 1) -> None:
    """A value for one cycle."""
    drive(ctx, component, **{name: value})
    await ctx.tick()
    drive(ctx, component, **{name: 0})


async def take(ctx: SimulatorContext, bank: MacBank, pixel: int, complete: int) -> None:
    """Taps of one lane group for a pixel, with which the pixels before ``complete`` are complete."""
    pixels = [pixel] * CONFIG.taps
    ctx.set(bank.i, {"enable": 0b100, "pixels": pixels, "complete": complete})
    await ctx.tick()
    ctx.set(bank.i, {"complete": complete})


async def drain(ctx: SimulatorContext, bank: MacBank, pixels: Iterable[int]) -> None:
    """Release pixels."""
    for pixel in pixels:
        drive(ctx, bank, pixel=pixel)
        await pulse(ctx, bank, "release")
        drive(ctx, bank, pixel=pixel + 1)


def test_a_slot_used_before_it_is_drained_is_caught() -> None:
    bank = MacBank(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        for pixel in range(SLOTS):
            await take(ctx, bank, pixel, 1)
        for _ in range(MacBank.LATENCY):
            await ctx.tick()
        await drain(ctx, bank, [0])
        assert ctx.get(bank.touches) == 0b100
        assert ctx.get(bank.touched)
        await ctx.tick()  # so long a slot is another's
        await take(ctx, bank, SLOTS, 1)

    async def forbidden(ctx: SimulatorContext) -> None:
        await take(ctx, bank, SLOTS + 1, 1)

    simulate(bank, bench, forbidden)


def test_a_tap_for_a_complete_pixel_is_caught() -> None:
    bank = MacBank(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        await take(ctx, bank, 1, 1)
        await take(ctx, bank, 1, 2)

    async def forbidden(ctx: SimulatorContext) -> None:
        await take(ctx, bank, 1, 2)

    simulate(bank, bench, forbidden)


def test_a_pixel_drained_before_it_is_complete_is_caught() -> None:
    bank = MacBank(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        await take(ctx, bank, 0, 2)
        for _ in range(MacBank.LATENCY):
            await ctx.tick()
        await drain(ctx, bank, [0, 1])

    async def forbidden(ctx: SimulatorContext) -> None:
        await drain(ctx, bank, [2])

    simulate(bank, bench, forbidden)


def test_weights_written_while_they_are_read_are_caught() -> None:
    bank = MacBank(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        await pulse(ctx, bank, "write_en")
        await take(ctx, bank, 0, 0)

    async def forbidden(ctx: SimulatorContext) -> None:
        drive(ctx, bank, write_en=2)
        await take(ctx, bank, 0, 0)

    simulate(bank, bench, forbidden)


@pytest.mark.parametrize("step", [-1, MARK_STEP + 1])
def test_a_mark_that_goes_back_or_too_far_is_caught(step: int) -> None:
    expander = TapExpander(CONFIG)

    async def mark(ctx: SimulatorContext, complete: int) -> None:
        drive(ctx, expander.i, valid=1, payload={"mark": 1, "complete": complete % 64})
        await ctx.tick()
        drive(ctx, expander.i, valid=0)

    async def drain(ctx: SimulatorContext, pixel: int) -> None:
        drive(ctx, expander, pixel=pixel % 64)
        await ctx.tick()

    async def bench(ctx: SimulatorContext) -> None:
        await mark(ctx, MARK_STEP)
        await mark(ctx, MARK_STEP)
        await drain(ctx, MARK_STEP)
        await mark(ctx, 2 * MARK_STEP)
        await drain(ctx, 2 * MARK_STEP)

    async def forbidden(ctx: SimulatorContext) -> None:
        await drain(ctx, 2 * MARK_STEP + min(0, step))  # however far it is, it is taken
        for _ in range(2):
            await mark(ctx, 2 * MARK_STEP + step)
            await drain(ctx, 2 * MARK_STEP + step)

    simulate(expander, bench, forbidden)


def test_a_tap_beside_the_kernel_is_caught() -> None:
    expander = TapExpander(CONFIG)

    async def send(ctx: SimulatorContext, tap: int) -> None:
        drive(ctx, expander.i, valid=1, payload={"tap": tap})
        await ctx.tick()
        drive(ctx, expander.i, valid=0)
        await ctx.tick()

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, expander.layer, kernel_columns=3, stride=1, dilation=1)
        await send(ctx, 2)

    async def forbidden(ctx: SimulatorContext) -> None:
        await send(ctx, 3)

    simulate(expander, bench, forbidden)


@pytest.mark.parametrize("wrong", ["empty", "start"])
def test_a_strip_without_pixels_and_a_start_too_early_are_caught(wrong: str) -> None:
    part = Drain(CONFIG)

    async def strip(ctx: SimulatorContext, count: int) -> None:
        drive(ctx, part.strips, valid=1, payload={"count": count})
        await ctx.tick()
        drive(ctx, part.strips, valid=0)

    async def bench(ctx: SimulatorContext) -> None:
        await pulse(ctx, part, "start")
        await strip(ctx, 2)
        drive(ctx, part, complete=1)
        for _ in range(2):
            await ctx.tick()
        assert not ctx.get(part.busy)

    async def forbidden(ctx: SimulatorContext) -> None:
        await strip(ctx, int(wrong == "start"))
        drive(ctx, part, complete=0)
        await pulse(ctx, part, "start")

    simulate(part, bench, forbidden)
