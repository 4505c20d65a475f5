"""The event finder on Verilator, against a plain model of receptive fields."""

from __future__ import annotations

import itertools
from typing import Any

import cocotb
from finder_on_layers import Bench, geometries
from geometry import KINDS, Geometry
from receptive_fields import Changes
from support import QUIET, consecutive, wait
from tensors import Tensor

from stillframe.contract import Op
from stillframe.hw.event_scanner import EventScanner
from stillframe.hw.mask_fetch import MaskFetch
from stillframe.sim.vip import reset, start

MAC_KINDS = ("convolution", "dilated", "depthwise", "average")
OTHER_KINDS = tuple(kind for kind in KINDS if kind not in MAC_KINDS)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7], kind=MAC_KINDS)
async def layers(dut: Any, stall: float, kind: str) -> None:
    """Random geometries: still, some changes, key frames, every output, rows with a flag and no event."""
    bench = Bench(dut, stall, MAC_KINDS.index(kind))
    await start(dut)
    for geometry in itertools.islice(geometries(bench, kind), 12):
        choice = bench.rng.randrange(4)
        await bench.check(geometry, *bench.some_changes(geometry), key=choice == 0, evaluate_all=choice == 1)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5], kind=OTHER_KINDS)
async def other_layers_give_tags_only(dut: Any, stall: float, kind: str) -> None:
    """Windows of codes: of one tensor, of two, partly or wholly outside the image, shared by outputs."""
    bench = Bench(dut, stall, 10 + OTHER_KINDS.index(kind))
    await start(dut)
    for n, geometry in enumerate(itertools.islice(geometries(bench, kind), 8)):
        await bench.check(geometry, *bench.some_changes(geometry), evaluate_all=n % 2 == 1)
        assert not bench.events.items


def small(bench: Bench, channels: int = 5, padding: int = 1) -> Geometry:
    """A 3 x 3 window over a small tensor, 2 passes."""
    config = bench.config
    around = ((padding, padding), (padding, padding))
    outputs = config.total_lanes + 1
    return Geometry(
        Op.MAC, Tensor(4, 5, channels, config.drain), outputs, config.total_lanes, (3, 3), padding=around
    )


def depthwise(bench: Bench, channels: int, multiplier: int) -> Geometry:
    """A 3 x 2 window over a small tensor, depthwise."""
    config = bench.config
    source = Tensor(3, 4, channels, config.drain)
    return Geometry(
        Op.MAC, source, channels * multiplier, config.total_lanes, (3, 2), (1, 2), multiplier=multiplier
    )


@cocotb.test()
async def everything_changes(dut: Any) -> None:
    bench = Bench(dut, 0.1, 2)
    await start(dut)
    geometry = small(bench, 3)
    changes = Changes.of(bench.all_events(geometry.input))
    await bench.check(geometry, changes)
    await bench.check(geometry, changes, key=True)


@cocotb.test()
@cocotb.parametrize(multiplier=list(range(1, 9)))
async def every_multiplier(dut: Any, multiplier: int) -> None:
    """Events name the lanes of their channel, also where a channel is split over two passes.

    Of all passes together each lane is named as often as its channel has events, and counted so.
    """
    bench = Bench(dut, 0.0, 20 + multiplier)
    await start(dut)
    geometry = depthwise(bench, 13, multiplier)
    changes = Changes.of(bench.all_events(geometry.input))
    await bench.check(geometry, changes)
    events = bench.events.items
    assert sum(e["macs"] for e in events) == 6 * 2 * geometry.channels  # 3 x 2 taps, 2 outputs
    await bench.check(geometry, Changes.of({(1, geometry.input.pixel + 12): 7}), key=True)


@cocotb.test()
@cocotb.parametrize(padding=[0, 1])
async def single_changes(dut: Any, padding: int) -> None:
    """One event in each corner and along each border reaches the outputs whose window holds it, no other."""
    bench = Bench(dut, 0.0, 3)
    await start(dut)
    geometry = small(bench, padding=padding)
    for y, x, channel in geometry.input.borders():
        events = {(y, x * geometry.input.pixel + channel): bench.value()}
        found, _ = await bench.check(geometry, Changes.of(events))
        assert found.events, "a 3 x 3 window of stride 1 sees every element"


@cocotb.test()
@cocotb.parametrize(kind=KINDS)
async def walking_time(dut: Any, kind: str) -> None:
    """Cycles over inputs without events are those in the docstrings of row finder and walker."""
    bench = Bench(dut, 0.0, 4)
    await start(dut)
    for n, geometry in enumerate(itertools.islice(geometries(bench, kind), 6)):
        changes = [
            Changes({}, {y for y in range(tensor.height) if n % 3 and bench.rng.random() < n % 3 / 2})
            for tensor in geometry.inputs
        ]
        found, _ = await bench.check(geometry, *changes)
        # The fetch judges the last request after the walk; a CONCAT's tag leaves a cycle later.
        tail = MaskFetch.LATENCY - 1 + (geometry.op is Op.CONCAT)
        cycles = max(found.rows, found.walk + tail if found.walk else 0)
        assert bench.busy_cycles == cycles, f"{geometry}, {changes}"


@cocotb.test()
async def latency_and_one_event_a_cycle(dut: Any) -> None:
    """The first event comes as soon as the parts allow, then one in each cycle, over passes and rows."""
    bench = Bench(dut, 0.0, 5)
    await start(dut)
    geometry = small(bench, 16, padding=0)
    found, started = await bench.check(geometry, Changes.of(bench.all_events(geometry.input)))
    assert consecutive(bench.events.cycles)
    # The pixel takes a cycle, then request 0 is taken; its word leaves when the next is known to have events.
    assert found.first_pixel is not None
    first_request = started + found.first_pixel + 2
    assert bench.events.cycles[0] == first_request + MaskFetch.LATENCY + EventScanner.LATENCY


@cocotb.test()
async def depthwise_events_one_a_cycle(dut: Any) -> None:
    """Where a mask word gives several words of events, the walk keeps ahead of the array."""
    bench = Bench(dut, 0.0, 7)
    await start(dut)
    lanes, drain = bench.config.total_lanes, bench.config.drain
    geometry = depthwise(bench, 2 * lanes, 1)
    await bench.check(geometry, Changes.of(bench.all_events(geometry.input)))
    taps, outputs = 6, 2
    assert len(bench.events.items) == outputs * 2 * taps * lanes // drain
    # A pass walks at least 6 mask words, 2 segments and 4 cycles before them.
    assert consecutive(bench.events.cycles) == (lanes > drain)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 6)
    await start(dut)
    geometry = small(bench, 3)
    for cycles in range(1, 80, 8):
        await bench.check(geometry, Changes.of({(2, 5): 9}), key=cycles % 16 == 1)
        await bench.begin()
        await wait(dut, cycles)
        await reset(dut, bench.events, bench.tags, cycles=1 + cycles % 3)
        await wait(dut, 2 * QUIET)
        assert not bench.events.items
        assert not bench.tags.items
        assert not int(dut.busy.value)
