"""The event finder on Verilator, against a plain convolution."""

from __future__ import annotations

import itertools
from typing import Any

import cocotb
from finder_on_layers import Bench, geometries
from geometry import KINDS, Geometry
from receptive_fields import Changes
from support import QUIET, consecutive, set_layer, wait
from tensors import Tensor

from stillframe.contract import Op
from stillframe.sim.vip import reset, start


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7], kind=KINDS)
async def layers(dut: Any, stall: float, kind: str) -> None:
    """Random geometries: still, some changes, key frames, every output, rows with a flag and no event."""
    bench = Bench(dut, stall, KINDS.index(kind))
    await start(dut)
    for geometry in itertools.islice(geometries(bench, kind), 12):
        choice = bench.rng.randrange(4)
        await bench.check(geometry, bench.some_changes(geometry), key=choice == 0, evaluate_all=choice == 1)


def small(bench: Bench, channels: int = 5, padding: int = 1, outputs: int = 0) -> Geometry:
    """A 3 x 3 window over a small tensor, 2 passes or as many as ``outputs`` need."""
    config = bench.config
    around = ((padding, padding), (padding, padding))
    source = Tensor(4, 9, channels, config.drain)
    return Geometry(config, source, outputs or config.total_lanes + 1, (3, 3), padding=around)


@cocotb.test()
async def everything_changes(dut: Any) -> None:
    bench = Bench(dut, 0.1, 2)
    await start(dut)
    for outputs in (0, 1, bench.config.lanes + 1):
        geometry = small(bench, bench.config.drain + 3, outputs=outputs)
        changes = Changes.of(bench.all_events(geometry.input))
        await bench.check(geometry, changes)
        await bench.check(geometry, changes, key=True)


@cocotb.test()
@cocotb.parametrize(padding=[0, 1])
async def single_changes(dut: Any, padding: int) -> None:
    """One event in each corner and along each border reaches the outputs whose window holds it, no other."""
    bench = Bench(dut, 0.0, 3)
    await start(dut)
    geometry = small(bench, padding=padding)
    for place in geometry.input.borders():
        found, _ = await bench.check(geometry, Changes.of({place: bench.value()}))
        assert found.pixels, "a 3 x 3 window of stride 1 sees every element"


@cocotb.test()
async def an_event_a_cycle(dut: Any) -> None:
    """Where everything changes, a class gives an event or mark in each cycle, over blocks, rows, passes."""
    bench = Bench(dut, 0.0, 5)
    await start(dut)
    drain, banks = bench.config.drain, bench.config.banks
    geometry = small(bench, 2 * drain, outputs=bench.config.total_lanes + 1)
    await bench.check(geometry, Changes.of(bench.all_events(geometry.input)))
    assert all(consecutive(sink.cycles) for sink in bench.events)
    if banks == 1:
        return
    geometry = small(bench, 2 * drain, outputs=1)  # each bank gets its own group only
    await bench.check(geometry, Changes.of(bench.all_events(geometry.input)))
    assert all(consecutive(sink.cycles) for sink in bench.events)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5], op=[Op.POOL, Op.ADD, Op.CONCAT])
async def other_layers_give_rows_only(dut: Any, stall: float, op: Op) -> None:
    bench = Bench(dut, stall, 7)
    await start(dut)
    geometry = small(bench)
    base = bench.base(geometry.input)
    changes = Changes.of({(2, 3, 1): 9})
    await bench.load(geometry.input, base, changes, False)
    for key in (0, 1):
        set_layer(dut, key, **geometry.fields(base) | {"op": int(op)})
        await bench.begin()
        await bench.idle()
        assert [row["y"] for row in bench.rows.items] == ([0, 1, 2, 3] if key else [1, 2, 3])
        assert [row["inside"] for row in bench.rows.items] == ([2, 3, 3, 2] if key else [3, 3, 2])
        assert not any(sink.items for sink in (*bench.events, bench.strips))


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 6)
    await start(dut)
    geometry = small(bench, 3)
    for cycles in range(1, 120, 10):
        await bench.check(geometry, Changes.of({(2, 2, 0): 9}), key=cycles % 20 == 1)
        await bench.begin()
        await wait(dut, cycles)
        await reset(dut, *bench.sinks, cycles=1 + cycles % 3)
        await wait(dut, 4 * QUIET)
        assert not any(sink.items for sink in bench.sinks)
        assert not int(dut.busy.value)
