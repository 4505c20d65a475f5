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
        for _ in range(2):
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
