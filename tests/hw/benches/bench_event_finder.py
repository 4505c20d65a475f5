"""The event finder on Verilator, against a plain model of receptive fields."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from receptive_fields import Base, Events, Found, Geometry, find, random_geometry
from small_arrays import small_array
from support import QUIET, TimedSink, consecutive, cycle, noise, set_layer, wait
from tensors import MASK_BITS, Tensor

from stillframe.contract import ArrayConfig, Op
from stillframe.hw.event_scanner import EventScanner
from stillframe.hw.mask_fetch import MaskFetch
from stillframe.hw.payloads import EVENT, TAG
from stillframe.sim.vip import parameters, reset, start

WORK = 600
"""Events of a layer, more or less, so that a bench stays short."""


class Bench:
    """The finder, its two streams, and the memories of the layer's input."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config: ArrayConfig = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.events = TimedSink(dut, "events", EVENT, stall, seed)
        self.tags = TimedSink(dut, "tags", TAG, stall, seed)
        self.busy_cycles = 0
        for name in ("start", "flag_en", "mask_en", "event_en"):
            getattr(dut, name).value = 0

    def base(self, tensor: Tensor) -> Base:
        """A place where the tensor fits."""
        rng, config = self.rng, self.config
        blocks = config.events_words * config.drain // MASK_BITS
        return Base(
            masks=rng.randrange(config.masks_words - tensor.height * tensor.mask_pitch),
            events=rng.randrange(blocks - tensor.height * tensor.mask_pitch),
            codes=rng.randrange(30000),
            rows=rng.randrange(config.rows - tensor.height),
            weights=rng.randrange(60000),
            params=rng.randrange(1000),
        )

    async def load(self, tensor: Tensor, base: Base, flags: set[int], events: Events) -> None:
        """Write flags, masks and values, and noise where nothing may look.

        That is rows without a flag, elements behind a row's last, and values of no event.
        """
        rng, drain, pitch = self.rng, self.config.drain, tensor.mask_pitch
        masks = [noise(rng, MASK_BITS) for _ in range(tensor.height * pitch)]
        for y in flags:
            for element in range(tensor.row):
                masks[y * pitch + element // MASK_BITS] &= ~(1 << element % MASK_BITS)
        values: dict[int, list[int]] = {}
        for (y, element), value in events.items():
            masks[y * pitch + element // MASK_BITS] |= 1 << element % MASK_BITS
            address = base.events * MASK_BITS // drain + y * tensor.pitch + element // drain
            values.setdefault(address, [noise(rng, 9) for _ in range(drain)])[element % drain] = value & 0x1FF
        flag_rows = {base.rows + y: int(y in flags) for y in range(tensor.height)}
        await self._write("flag_en", "flag_row", "flag", flag_rows)
        mask_words = {base.masks + n: bits for n, bits in enumerate(masks)}
        await self._write("mask_en", "mask_address", "mask_bits", mask_words)
        words = {address: sum(v << 9 * d for d, v in enumerate(word)) for address, word in values.items()}
        await self._write("event_en", "event_address", "event_values", words)

    async def _write(self, enable: str, address: str, data: str, content: dict[int, int]) -> None:
        dut = self.dut
        getattr(dut, enable).value = int(bool(content))
        for row, value in content.items():
            getattr(dut, address).value, getattr(dut, data).value = row, value
            await RisingEdge(dut.clk)
        getattr(dut, enable).value = 0

    async def begin(self) -> int:
        """Start the walk; the cycle of the start."""
        self.events.clear()
        self.tags.clear()
        self.dut.start.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.start.value = 0
        return cycle()

    async def check(
        self,
        geometry: Geometry,
        events: Events,
        *,
        flags: set[int] | None = None,
        key: bool = False,
        evaluate_all: bool = False,
        pooling: bool = False,
    ) -> tuple[Found, int]:
        """Run a layer and compare events and tags; what was wanted, and the cycle of the start."""
        dut, base = self.dut, self.base(geometry.input)
        flags = {y for y, _ in events} if flags is None else flags
        await self.load(geometry.input, base, flags, events)
        op = int(Op.POOL if pooling else Op.MAC)
        fields = geometry.fields() | base.fields() | {"op": op, "evaluate_all": int(evaluate_all)}
        set_layer(dut, key, **fields)
        found = find(geometry, base, flags, events, key or evaluate_all, pooling)
        started = await self.begin()
        for _ in range(100_000):
            await RisingEdge(dut.clk)
            if not int(dut.busy.value):
                break
        else:
            raise AssertionError("still busy")
        self.busy_cycles = cycle() - started - 1
        # The sequencer counts tags: all have been taken when busy falls.
        assert len(self.tags.items) == len(found.tags), f"tags when busy falls, {geometry}"
        await self.events.count(len(found.events))
        await wait(dut, QUIET)
        came = [event | {"weight": 0} if event["null"] else event for event in self.events.items]
        for n, (event, wanted) in enumerate(zip(came, found.events, strict=False)):
            assert event == wanted, f"event {n} of {geometry}, {base}"
        assert len(came) == len(found.events), f"{geometry}"
        for n, (tag, wanted) in enumerate(zip(self.tags.items, found.tags, strict=True)):
            assert tag == wanted, f"tag {n} of {geometry}, {base}"
        return found, started

    def value(self) -> int:
        """An event's value: an end of the range or anything but 0."""
        return self.rng.choice((-255, 255, 1, -1, self.rng.randrange(2, 255)))

    def all_events(self, tensor: Tensor) -> Events:
        """Every element changes, from one end of the range to the other."""
        return {
            (y, x * tensor.pixel + c): 255 if (y + x + c) % 2 else -255
            for y in range(tensor.height)
            for x in range(tensor.width)
            for c in range(tensor.channels)
        }

    def some_events(self, geometry: Geometry) -> Events:
        """Random events, as many as keep the bench short."""
        every = list(self.all_events(geometry.input))
        kernel = geometry.kernel[0] * geometry.kernel[1]
        uses = max(1, geometry.groups * kernel // (geometry.stride[0] * geometry.stride[1]))
        most = max(1, min(len(every), WORK // uses))
        count = self.rng.choice((1, self.rng.randrange(1, most + 1), most))
        return {place: self.value() for place in self.rng.sample(every, count)}


def geometries(bench: Bench, pooling: bool = False) -> Iterator[Geometry]:
    """Random geometries that fit the memories and are walked in reasonable time."""
    config = bench.config
    while True:
        geometry = random_geometry(bench.rng, config.drain, config.total_lanes, pooling)
        tensor = geometry.input
        walk = find(geometry, Base(), set(range(tensor.height)), {}, everything=False, pooling=pooling).walk
        if walk < 2 * WORK and tensor.height * tensor.mask_pitch < min(200, config.masks_words):
            yield geometry


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7])
async def layers(dut: Any, stall: float) -> None:
    """Random geometries: still, some changes, key frames, every output, rows with a flag and no event."""
    bench = Bench(dut, stall)
    await start(dut)
    for n, geometry in zip(range(18), geometries(bench), strict=False):
        events = bench.some_events(geometry) if n % 6 else {}
        flags = {y for y, _ in events} | {y for y in range(geometry.input.height) if bench.rng.random() < 0.2}
        choice = bench.rng.randrange(4)
        await bench.check(geometry, events, flags=flags, key=choice == 0, evaluate_all=choice == 1)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def pooling_gives_tags_only(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 1)
    await start(dut)
    for n, geometry in zip(range(8), geometries(bench, pooling=True), strict=False):
        await bench.check(geometry, bench.some_events(geometry), pooling=True, evaluate_all=n % 4 == 3)
        assert not bench.events.items


def small(bench: Bench, channels: int = 5, same: bool = True) -> Geometry:
    """A 3 x 3 window over a small tensor, 2 passes."""
    config = bench.config
    source = Tensor(4, 5, channels, config.drain)
    return Geometry.make(source, config.total_lanes + 1, (3, 3), (1, 1), same, config.total_lanes)


@cocotb.test()
async def everything_changes(dut: Any) -> None:
    bench = Bench(dut, 0.1, 2)
    await start(dut)
    geometry = small(bench, 3)
    await bench.check(geometry, bench.all_events(geometry.input))
    await bench.check(geometry, bench.all_events(geometry.input), key=True)


@cocotb.test()
@cocotb.parametrize(same=[True, False])
async def single_changes(dut: Any, same: bool) -> None:
    """One event in each corner and along each border reaches the outputs whose window holds it, no other."""
    bench = Bench(dut, 0.0, 3)
    await start(dut)
    geometry = small(bench, same=same)
    for y, x, channel in geometry.input.borders():
        found, _ = await bench.check(geometry, {(y, x * geometry.input.pixel + channel): bench.value()})
        assert found.events, "a 3 x 3 window of stride 1 sees every element"


@cocotb.test()
async def walking_time(dut: Any) -> None:
    """Cycles of the walk over inputs without events are those in the walker's docstring."""
    bench = Bench(dut, 0.0, 4)
    await start(dut)
    for n, geometry in zip(range(9), geometries(bench), strict=False):
        rows = range(geometry.input.height)
        flags = {y for y in rows if n % 3 and bench.rng.random() < n % 3 / 2}
        found, _ = await bench.check(geometry, {}, flags=flags)
        # If the last output row was walked, the fetch judges its last request after the walker is done.
        walked = {row for _, row in geometry.rows(geometry.output.height - 1)} & flags
        tail = MaskFetch.LATENCY - 2 if walked else 0
        assert bench.busy_cycles == found.walk + tail, f"{geometry}, flags {flags}"


@cocotb.test()
async def latency_and_one_event_a_cycle(dut: Any) -> None:
    """The first event comes as soon as the parts allow, then one in each cycle, over passes and rows."""
    bench = Bench(dut, 0.0, 5)
    await start(dut)
    geometry = small(bench, 16, same=False)
    found, started = await bench.check(geometry, bench.all_events(geometry.input))
    assert consecutive(bench.events.cycles)
    # The pixel takes a cycle, then request 0 is taken; its word leaves when the next is known to have events.
    assert found.first_pixel is not None
    first_request = started + found.first_pixel + 2
    assert bench.events.cycles[0] == first_request + MaskFetch.LATENCY + EventScanner.LATENCY


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 6)
    await start(dut)
    geometry = small(bench, 3)
    for cycles in range(1, 80, 8):
        await bench.check(geometry, {(2, 5): 9}, key=cycles % 16 == 1)
        await bench.begin()
        await wait(dut, cycles)
        await reset(dut, bench.events, bench.tags, cycles=1 + cycles % 3)
        await wait(dut, 2 * QUIET)
        assert not bench.events.items
        assert not bench.tags.items
        assert not int(dut.busy.value)
