"""The watchdog, the lights, the reset at power-on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from amaranth.sim import Simulator

from stillframe.driver.serial_port import PATIENCE
from stillframe.hw.boards.lights import StatusLights
from stillframe.hw.boards.power_on import PowerOnReset
from stillframe.hw.boards.watchdog import Watchdog, limit_bits


def simulate(component: Any, bench: Any) -> None:
    """Run a bench."""
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


async def resets(ctx: Any, dut: Watchdog, cycles: int) -> int:
    """Cycles out of so many in which the accelerator is reset."""
    count = 0
    for _ in range(cycles):
        _, _, reset = await ctx.tick().sample(dut.reset)
        count += int(reset)
    return count


def test_a_layer_that_does_not_end_is_ended() -> None:
    dut = Watchdog(limit_bits=6)

    async def bench(ctx: Any) -> None:
        assert await resets(ctx, dut, 200) == 0
        ctx.set(dut.working, 1)
        for _ in range(5):  # layers shorter than the limit
            assert await resets(ctx, dut, 60) == 0
            ctx.set(dut.layer, 1)
            await ctx.tick()
            ctx.set(dut.layer, 0)
        assert await resets(ctx, dut, 64) == 0
        assert await resets(ctx, dut, 6) >= 2
        ctx.set(dut.working, 0)
        assert await resets(ctx, dut, 200) == 0

    simulate(dut, bench)


def test_a_break_of_the_line_resets() -> None:
    dut = Watchdog(limit_bits=6)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.line_break, 1)
        await ctx.tick().repeat(5)
        assert ctx.get(dut.reset)
        ctx.set(dut.line_break, 0)
        await ctx.tick().repeat(2)
        assert await resets(ctx, dut, 10) == 0

    simulate(dut, bench)


def test_lights() -> None:
    dut = StatusLights(256)
    seen: list[int] = []

    async def bench(ctx: Any) -> None:
        for cycle in range(3 * 256):
            ctx.set(dut.session, cycle >= 100)
            ctx.set(dut.working, cycle == 300)
            ctx.set(dut.trouble, 0)
            _, _, lights = await ctx.tick().sample(dut.o)
            seen.append(int(lights))

    simulate(dut, bench)
    alive = [lights & 1 for lights in seen]
    assert sum(a != b for a, b in pairwise(alive)) in (5, 6)  # once a second, about
    assert [bool(lights & 2) for lights in seen[100:102]] == [False, True]
    working = [cycle for cycle, lights in enumerate(seen) if lights & 4]
    assert working == list(range(working[0], working[0] + len(working)))
    assert 300 < working[0] < 304
    assert 16 <= len(working) <= 2 * 256 // 8 + 2
    assert not any(lights & 8 for lights in seen)


@pytest.mark.parametrize("clock_mhz", [24, 80])
def test_the_limit_is_some_seconds(clock_mhz: int) -> None:
    """Less than a host waits for an answer."""
    assert PATIENCE / 2 < (1 << limit_bits(clock_mhz * 1e6)) / (clock_mhz * 1e6) < PATIENCE


def test_power_on_waits_for_a_lock_that_lasts() -> None:
    dut = PowerOnReset(20)

    async def ready_in(ctx: Any, cycles: int) -> list[int]:
        seen = []
        for cycle in range(cycles):
            _, _, ready = await ctx.tick().sample(dut.ready)
            if ready:
                seen.append(cycle)
        return seen

    async def bench(ctx: Any) -> None:
        assert await ready_in(ctx, 50) == []
        for locked in (1, 0):  # for too short a time
            ctx.set(dut.locked, locked)
            assert await ready_in(ctx, 15) == []
        ctx.set(dut.locked, 1)
        assert await ready_in(ctx, 50) == list(range(23, 50))  # 2 cycles of synchroniser, 1 of the register
        ctx.set(dut.locked, 0)
        await ctx.tick().repeat(5)
        assert await ready_in(ctx, 50) == []

    simulate(dut, bench)
