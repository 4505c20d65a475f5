"""What the adder and the unit that feeds it assert, in Amaranth's simulator; sums are in the bench on
Verilator."""

from __future__ import annotations

import pytest
from amaranth.sim import SimulatorContext
from asserted import drive, simulate
from small_arrays import small_array

from stillframe.hw.fused_add import FusedAdd
from stillframe.hw.residual_add import ResidualAdd


@pytest.mark.parametrize(
    ("kind", "array"), [(FusedAdd, "1x16@25F"), (FusedAdd, "4x16@85F"), (ResidualAdd, "4x16@85F")]
)
def test_words_too_close_together_are_caught(kind: type[FusedAdd | ResidualAdd], array: str) -> None:
    """Words of a fused layer give two for the adder."""
    config = small_array(array)
    unit, every = kind(config), config.add_cycles * (2 if kind is FusedAdd else 1)

    async def words(ctx: SimulatorContext, distance: int) -> None:
        for second in range(2):
            if kind is ResidualAdd:
                ctx.set(unit.i.second, second)
            drive(ctx, unit, valid=1)
            await ctx.tick()
            drive(ctx, unit, valid=0)
            for _ in range(distance - 1):
                await ctx.tick()

    async def bench(ctx: SimulatorContext) -> None:
        await words(ctx, every)
        await words(ctx, every + 1)

    async def forbidden(ctx: SimulatorContext) -> None:
        await words(ctx, every - 1)
        await ctx.tick()

    simulate(unit, bench, forbidden)


@pytest.mark.parametrize("second", [0, 1])
def test_an_operand_whose_turn_it_is_not_is_caught(second: int) -> None:
    unit = ResidualAdd(small_array("4x16@85F"))

    async def word(ctx: SimulatorContext, second: int) -> None:
        drive(ctx, unit, valid=1)
        ctx.set(unit.i.second, second)
        await ctx.tick()
        drive(ctx, unit, valid=0)
        for _ in range(unit.latency(small_array("4x16@85F"))):
            await ctx.tick()

    async def bench(ctx: SimulatorContext) -> None:
        for turn in (0, 1, 0, 1, *range(second)):
            await word(ctx, turn)

    async def forbidden(ctx: SimulatorContext) -> None:
        await word(ctx, 1 - second)

    simulate(unit, bench, forbidden)
