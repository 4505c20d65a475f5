"""LayerCounters: what is counted is what the host reads."""

import random
from typing import Any

import pytest
from amaranth.sim import Simulator

from stillframe.contract import ArrayConfig, Memory
from stillframe.contract.array import COUNTER_WORDS
from stillframe.contract.memory_map import Counter, info_words
from stillframe.hw.layer_counters import LayerCounters


async def read(ctx: Any, dut: LayerCounters, memory: Memory, row: int) -> int:
    """A word over the bus; zeros around it."""
    ctx.set(dut.host.memory, memory)
    ctx.set(dut.host.row, row)
    ctx.set(dut.host.r_en, 1)
    await ctx.tick()
    ctx.set(dut.host.r_en, 0)
    assert (ctx.get(dut.host.r_valid), ctx.get(dut.host.r_data)) == (0, 0)
    await ctx.tick()
    assert ctx.get(dut.host.r_valid)
    word = ctx.get(dut.host.r_data)
    await ctx.tick()
    assert (ctx.get(dut.host.r_valid), ctx.get(dut.host.r_data)) == (0, 0)
    return int(word)


@pytest.mark.parametrize("array", ["1x4@25F", "4x16@85F"])
def test_counters_of_frames_and_info(array: str) -> None:
    config, rng = ArrayConfig.parse(array), random.Random(2)
    dut = LayerCounters(config)

    async def layer(ctx: Any, number: int) -> dict[Counter, int]:
        """Some cycles of a layer, then its counters are stored, with pauses; what they have to be."""
        dense = rng.randrange(1 << 32)
        ctx.set(dut.number, number)
        ctx.set(dut.macs_dense, dense)
        cycles = events = macs = 0
        length = rng.randrange(4, 50)  # a layer that is skipped has 4
        for cycle in range(length + COUNTER_WORDS + 3):
            storing = cycle >= length
            event = 0 if storing or cycle >= length - 2 else rng.randrange(5)
            ticks = storing or rng.random() < 0.8
            store = storing and cycle - length not in (2, 3, 4)
            ctx.set(dut.tick, ticks)
            ctx.set(dut.events, event)
            ctx.set(dut.macs, 16 * event)
            ctx.set(dut.store, store)
            cycles, events, macs = cycles + ticks, events + event, macs + 16 * event
            await ctx.tick()
        ctx.set(dut.tick, 0)
        ctx.set(dut.store, 0)
        return {
            Counter.CYCLES: cycles,
            Counter.MACS_ISSUED: macs,
            Counter.MACS_SKIPPED: (dense - macs) % (1 << 32),
            Counter.EVENTS: events,
        }

    async def bench(ctx: Any) -> None:
        for count in (3, config.layers):
            ctx.set(dut.restart, 1)
            await ctx.tick()
            ctx.set(dut.restart, 0)
            expected = [await layer(ctx, number) for number in range(count)]
            await ctx.tick()
            assert ctx.get(dut.cycles) == sum(counters[Counter.CYCLES] for counters in expected)
            for number, counters in enumerate(expected):
                for counter, value in counters.items():
                    assert await read(ctx, dut, Memory.COUNTERS, number * COUNTER_WORDS + counter) == value
            for row, word in enumerate(info_words(config)):
                assert await read(ctx, dut, Memory.INFO, row) == word

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
