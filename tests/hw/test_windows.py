"""What the layers on codes assert, in Amaranth's simulator; their results are in the bench on Verilator."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import SimulatorContext
from asserted import Testbench, drive, simulate
from small_arrays import small_array
from tensors import Tensor
from window_layers import WindowLayer, of_two

from stillframe.contract import Op
from stillframe.hw import windows as windows_module
from stillframe.hw.concatenation import Concatenation
from stillframe.hw.windows import MARGIN, PLACES, Windows

CONFIG = small_array("1x16@25F")
DRAIN = CONFIG.drain


def layers() -> list[WindowLayer]:
    """Those that give most output words for the words that they read, of each operator."""
    rng = random.Random(1)
    return [
        WindowLayer(Op.POOL, (Tensor(1, 30, DRAIN, DRAIN),), (1, 30), 0),
        of_two(rng, Op.ADD, (1, 30), (DRAIN, DRAIN), DRAIN),
        of_two(rng, Op.CONCAT, (1, 30), (DRAIN, DRAIN), DRAIN),
        of_two(rng, Op.CONCAT, (1, 30), (DRAIN - 1, DRAIN), DRAIN),
    ]


def filling(windows: Windows, layer: WindowLayer) -> Testbench:
    """Read for so long that the output queue is full, with nobody taking words."""

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, windows.layer, **layer.fields())
        drive(ctx, windows, read_grant=1, sum_room=1)
        await ctx.tick().repeat(3)
        drive(ctx, windows.rows, valid=1, payload=layer.row(0))
        await ctx.tick().until(windows.rows.ready)
        drive(ctx, windows.rows, valid=0)
        for _ in range(4 * PLACES):
            await ctx.tick()

    return bench


@pytest.mark.parametrize("case", range(4))
def test_there_is_a_place_for_each_word(case: int) -> None:
    windows = Windows(CONFIG)
    simulate(windows, filling(windows, layers()[case]))


def test_a_word_without_a_place_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """With less margin than words may be under way."""
    monkeypatch.setattr(windows_module, "MARGIN", MARGIN - 1)
    windows = Windows(CONFIG)

    async def nothing(ctx: SimulatorContext) -> None:
        pass

    simulate(windows, nothing, filling(windows, layers()[0]))


@pytest.mark.parametrize(
    "wrong",
    [{"count": 2, "ready": 1}, {"count": 0}],
    ids=["channels left over", "channels wait for a second word"],
)
def test_words_that_do_not_fit_together_are_caught(wrong: dict[str, int]) -> None:
    concatenation = Concatenation(CONFIG)

    async def word(ctx: SimulatorContext, **fields: int) -> None:
        drive(ctx, concatenation, valid=1, i=fields)
        await ctx.tick()

    async def bench(ctx: SimulatorContext) -> None:
        for _ in range(2):
            await word(ctx, count=DRAIN - 1, first=1)
            await word(ctx, count=1, ready=1)
        await word(ctx, count=DRAIN - 1, first=1)

    async def forbidden(ctx: SimulatorContext) -> None:
        await word(ctx, **wrong)
        await ctx.tick()

    simulate(concatenation, bench, forbidden)
