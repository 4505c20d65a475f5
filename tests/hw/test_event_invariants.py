"""What the event scanner and the router assert, and the room that their queues tell."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from amaranth.sim import SimulatorContext
from asserted import drive, simulate, stream
from small_arrays import small_array

from stillframe.hw.distant_queue import DistantQueue
from stillframe.hw.event_router import EventRouter
from stillframe.hw.event_scanner import EventScanner
from stillframe.hw.queue import Queue

CONFIG = small_array("2x8@virtual")
REQUEST = {"address": 6, "events": 48, "columns": 0b100, "weight": 3}


@pytest.mark.parametrize("kind", [Queue, DistantQueue, partial(DistantQueue, late=True)])
def test_room_of_a_queue(kind: Callable[..., Queue]) -> None:
    queue = kind(8, 6, margin=3)

    async def bench(ctx: SimulatorContext) -> None:
        await ctx.tick()
        for level in range(6):  # the room that there was before the last one came
            assert ctx.get(queue.room) == (max(0, level - 1) <= 3)
            drive(ctx, queue.i, valid=1, payload=level)
            await ctx.tick()
        drive(ctx, queue.i, valid=0)
        drive(ctx, queue.o, ready=1)
        for level in (6, 6, 5, 4, 3):
            assert ctx.get(queue.room) == (level <= 3)
            await ctx.tick()

    simulate(queue, bench)


def test_mask_written_while_it_is_read_is_caught() -> None:
    scanner = EventScanner(CONFIG, 0)

    async def bench(ctx: SimulatorContext) -> None:
        await ctx.tick()
        drive(ctx, scanner.i, valid=1, payload=REQUEST)
        drive(ctx, scanner, mask_en=1, mask_address=5)
        await ctx.tick()
        drive(ctx, scanner.i, payload=REQUEST | {"columns": 0})  # of this nothing is read
        drive(ctx, scanner, mask_address=6)
        await ctx.tick()

    async def forbidden(ctx: SimulatorContext) -> None:
        drive(ctx, scanner.i, payload=REQUEST)
        await ctx.tick()

    simulate(scanner, bench, forbidden)


def test_value_written_while_it_is_read_is_caught() -> None:
    scanner = EventScanner(CONFIG, 1)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, scanner, mask_en=(1 << CONFIG.group) - 1, mask_address=6, mask_bits=1 << 2 * CONFIG.group)
        drive(ctx, scanner, event_en=1, event_address=50, event_values=[-7] * CONFIG.group)
        await ctx.tick()
        drive(ctx, scanner, mask_en=0, event_address=49)
        _, _, came = await stream(ctx, scanner.i, scanner.o, [REQUEST], cycles=20)
        assert [list(event["values"]) for event in came] == [[-7] * CONFIG.group]
        drive(ctx, scanner, event_address=50)

    async def forbidden(ctx: SimulatorContext) -> None:
        await stream(ctx, scanner.i, scanner.o, [REQUEST], cycles=20)

    simulate(scanner, bench, forbidden)


def test_marks_that_differ_are_caught() -> None:
    router = EventRouter(CONFIG)

    async def both(ctx: SimulatorContext, numbers: tuple[int, int]) -> None:
        for i, number in zip(router.i, numbers, strict=True):
            drive(ctx, i, valid=1, payload={"mark": 1, "complete": number})
        await ctx.tick()
        for i in router.i:
            drive(ctx, i, valid=0)
        await ctx.tick().repeat(4)

    async def bench(ctx: SimulatorContext) -> None:
        await ctx.tick().repeat(2)
        await both(ctx, (9, 9))
        drive(ctx, router.layer, share_log2=1)  # of two classes the marks are their own
        await ctx.tick().repeat(2)
        await both(ctx, (9, 8))
        drive(ctx, router.layer, share_log2=0)
        await ctx.tick().repeat(2)

    async def forbidden(ctx: SimulatorContext) -> None:
        await both(ctx, (9, 8))

    simulate(router, bench, forbidden)
