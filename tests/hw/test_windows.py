"""What the layers on codes assert, in Amaranth's simulator; their results are in the bench on Verilator."""

from __future__ import annotations

import pytest
from amaranth.sim import SimulatorContext
from asserted import Testbench, drive, simulate
from small_arrays import small_array
from tensors import Tensor
from window_layers import WindowLayer

from stillframe.contract import Op
from stillframe.hw import window_reader
from stillframe.hw.windows import Windows

CONFIG = small_array("1x16@25F")
LAYER = WindowLayer(Op.POOL, (Tensor(1, 30, CONFIG.drain, CONFIG.drain),), (1, 30), 0)


def filling(windows: Windows) -> Testbench:
    """Plan reads for so long that the queue is full, with nobody granting them."""

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, windows.layer, **LAYER.fields())
        drive(ctx, windows, read_grant=0, next_room=1)
        await ctx.tick().repeat(3)
        drive(ctx, windows.rows, valid=1, payload=LAYER.row(0))
        await ctx.tick().until(windows.rows.ready)
        drive(ctx, windows.rows, valid=0)
        for _ in range(4 * window_reader.READS):
            await ctx.tick()

    return bench


def test_there_is_a_place_for_each_read() -> None:
    windows = Windows(CONFIG)
    simulate(windows, filling(windows))


def test_a_read_without_a_place_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """With less margin than reads may still come."""
    monkeypatch.setattr(window_reader, "MARGIN", window_reader.MARGIN - 1)
    windows = Windows(CONFIG)

    async def nothing(ctx: SimulatorContext) -> None:
        pass

    simulate(windows, nothing, filling(windows))
