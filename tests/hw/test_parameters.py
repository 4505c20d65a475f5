"""How parameters come to the lanes: from block RAM, or copied into LUT RAM when a layer starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from amaranth.sim import Simulator, SimulatorContext

from stillframe.contract import ArrayConfig
from stillframe.contract.array import PARAMS_BITS, PARAMS_COPIED
from stillframe.contract.memory_map import PARAM_FIELDS, param_columns
from stillframe.hw.parameters import Parameters

DIRECT = ArrayConfig.parse("1x16@25F")
COPIED = ArrayConfig.parse("4x16@85F")


def channel(row: int, element: int) -> dict[str, int]:
    """Parameters that no other channel has."""
    return {
        "bias": -(row << 20) - element,
        "multiplier": (element << 26) + row,
        "right": row % 32,
        "left": element % 8,
    }


async def write(ctx: SimulatorContext, dut: Any, rows: range, last: int) -> None:
    """Write channels; the last one of row ``last`` is marked."""
    drain = dut.config.drain
    ctx.set(dut.write_en, 1)
    for row in rows:
        for element in range(drain):
            mark = {"last": int((row, element) == (last, drain - 1))}
            for column, value in enumerate(param_columns(channel(row, element) | mark)):
                ctx.set(dut.write_row, row)
                ctx.set(dut.write_column, column * drain + element)
                ctx.set(dut.write_data, value)
                await ctx.tick()
    ctx.set(dut.write_en, 0)


async def load(ctx: SimulatorContext, dut: Any, first: int) -> int:
    """Start a layer; the cycles from then on until it is loaded, from the second one on."""
    ctx.set(dut.params, first)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    await ctx.tick()
    for cycle in range(2, 1000):
        if ctx.get(dut.loaded):
            return cycle
        await ctx.tick()
    raise TimeoutError


async def read(ctx: SimulatorContext, dut: Any, row: int) -> list[dict[str, int]]:
    """The channels of a row, all of it."""
    ctx.set(dut.enable, 1)
    ctx.set(dut.row, row)
    await ctx.tick().repeat(Parameters.LATENCY)
    found = ctx.get(dut.channels)
    return [{name: found[d][name] for name in channel(0, 0)} for d in range(dut.config.drain)]


def simulate(config: ArrayConfig, bench: Any) -> None:
    dut = Parameters(config)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def testbench(ctx: SimulatorContext) -> None:
        await bench(ctx, dut)

    sim.add_testbench(testbench)
    sim.run()


def test_a_word_of_a_channel_fills_its_bits() -> None:
    assert sum(PARAM_FIELDS.values()) == PARAMS_BITS


@pytest.mark.parametrize(("config", "rows"), [(DIRECT, 5), (COPIED, 5), (COPIED, 1), (COPIED, 16)])
def test_rows_of_a_layer_are_there_as_soon_as_it_is_loaded(config: ArrayConfig, rows: int) -> None:
    first = 29
    last = first + rows - 1
    copied = rows * config.drain // PARAMS_COPIED if config.params_cache else -2

    async def bench(ctx: SimulatorContext, dut: Any) -> None:
        await write(ctx, dut, range(first - 1, min(last + 2, config.params_words)), last)
        assert await load(ctx, dut, first) == 2 + 2 + copied
        for row in (last, first, first + rows // 2):
            assert await read(ctx, dut, row) == [channel(row, d) for d in range(config.drain)]

    simulate(config, bench)


def test_another_layer_may_start_while_one_is_loaded() -> None:
    """As it does behind a layer that gave no word."""

    async def bench(ctx: SimulatorContext, dut: Any) -> None:
        await write(ctx, dut, range(10), last=9)
        for cycles in (1, 2, 3, 4, 20):
            ctx.set(dut.params, 0)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await ctx.tick().repeat(cycles)
            assert await load(ctx, dut, 7) == 4 + 3 * COPIED.drain // PARAMS_COPIED
            for row in (7, 9):
                assert await read(ctx, dut, row) == [channel(row, d) for d in range(COPIED.drain)]

    simulate(COPIED, bench)


def test_without_a_mark_loading_ends_when_the_memory_is_full() -> None:
    async def bench(ctx: SimulatorContext, dut: Any) -> None:
        assert await load(ctx, dut, 0) == 4 + COPIED.params_cache * COPIED.drain // PARAMS_COPIED

    simulate(COPIED, bench)


@pytest.mark.parametrize("config", [DIRECT, COPIED])
def test_channels_are_kept_while_nothing_moves(config: ArrayConfig) -> None:
    async def bench(ctx: SimulatorContext, dut: Any) -> None:
        await write(ctx, dut, range(3), last=2)
        await load(ctx, dut, 0)
        before = await read(ctx, dut, 1)
        ctx.set(dut.enable, 0)
        ctx.set(dut.row, 2)
        await ctx.tick().repeat(5)
        found = ctx.get(dut.channels)
        assert [found[d].bias for d in range(config.drain)] == [c["bias"] for c in before]

    simulate(replace(config, params_words=64), bench)
