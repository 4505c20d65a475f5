"""The event finder on random layers: its streams, its memories, and what is to come."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from cocotb.triggers import RisingEdge
from geometry import Base, Geometry, random_geometry
from receptive_fields import Changes, Events, Found, find
from small_arrays import small_array
from support import QUIET, TimedSink, cycle, noise, set_layer, wait
from tensors import MASK_BITS, Tensor

from stillframe.contract import ArrayConfig
from stillframe.hw.payloads import TAG, event
from stillframe.sim.vip import parameters

WORK = 600
"""Events of a layer, more or less, so that a bench stays short."""

UNSAID = {"weight": 0, "first_lane": 0, "last_lane": 0, "macs": 0}
"""What a null event does not tell."""


class Bench:
    """The finder, its two streams, and the memories of the layer's inputs."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config: ArrayConfig = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.events = TimedSink(dut, "events", event(self.config), stall, seed)
        self.tags = TimedSink(dut, "tags", TAG, stall, seed)
        self.busy_cycles = 0
        for name in ("start", "flag_en", "mask_en", "event_en"):
            getattr(dut, name).value = 0

    def bases(self, geometry: Geometry) -> list[Base]:
        """Places where the inputs fit, in either order, and the layer's own things."""
        rng, config = self.rng, self.config
        free = {
            "masks": config.masks_words,
            "events": config.events_words * config.drain // MASK_BITS,
            "rows": config.rows,
            "codes": 30000,
        }
        tensors = geometry.inputs
        starts: dict[str, list[int]] = {}
        for memory, words in free.items():
            sizes = [tensor.height * (1 if memory == "rows" else tensor.mask_pitch) for tensor in tensors]
            gaps = sorted(rng.randrange(words - sum(sizes)) for _ in sizes)
            order = rng.sample(range(len(sizes)), len(sizes))
            at = dict(zip(order, gaps, strict=True))
            starts[memory] = [
                at[n] + sum(sizes[other] for other in order[: order.index(n)]) for n in range(len(sizes))
            ]
        return [
            Base(
                **{memory: places[n] for memory, places in starts.items()},
                weights=rng.randrange(1 << 20),
                params=rng.randrange(1000),
            )
            for n in range(len(tensors))
        ]

    async def load(self, tensor: Tensor, base: Base, changes: Changes, whole_words: bool) -> None:
        """Write flags, masks and values, and noise where nothing may look.

        That is rows without a flag, elements behind a row's last, and values of no event unless events are
        ``whole_words``.
        """
        rng, drain, pitch = self.rng, self.config.drain, tensor.mask_pitch
        masks = [noise(rng, MASK_BITS) for _ in range(tensor.height * pitch)]
        for y in changes.flags:
            for element in range(tensor.row):
                masks[y * pitch + element // MASK_BITS] &= ~(1 << element % MASK_BITS)
        values: dict[int, list[int]] = {}
        for (y, element), value in changes.events.items():
            masks[y * pitch + element // MASK_BITS] |= 1 << element % MASK_BITS
            address = base.events * MASK_BITS // drain + y * tensor.pitch + element // drain
            others = [0 if whole_words else noise(rng, 9) for _ in range(drain)]
            values.setdefault(address, others)[element % drain] = value & 0x1FF
        flag_rows = {base.rows + y: int(y in changes.flags) for y in range(tensor.height)}
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
        *changes: Changes,
        key: bool = False,
        evaluate_all: bool = False,
    ) -> tuple[Found, int]:
        """Run a layer and compare events and tags; what was wanted, and the cycle of the start."""
        dut, bases = self.dut, self.bases(geometry)
        second = bases[1] if len(bases) == 2 else None
        for tensor, base, changed in zip(geometry.inputs, bases, changes, strict=True):
            await self.load(tensor, base, changed, geometry.multiplier == 1)
        set_layer(dut, key, **geometry.fields(bases[0], second) | {"evaluate_all": int(evaluate_all)})
        found = find(geometry, bases[0], list(changes), key or evaluate_all, second)
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
        for n, (came, wanted) in enumerate(zip(self.events.items, found.events, strict=False)):
            assert came | (UNSAID if came["null"] else {}) == UNSAID | wanted, f"event {n} of {geometry}"
        assert len(self.events.items) == len(found.events), f"{geometry}"
        for n, (tag, wanted) in enumerate(zip(self.tags.items, found.tags, strict=True)):
            assert {name: tag[name] for name in wanted} == wanted, f"tag {n} of {geometry}, {bases}"
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

    def some_changes(self, geometry: Geometry) -> list[Changes]:
        """Random events, as many as keep the bench short, now and then none; flags of rows without any."""
        rng = self.rng
        result = []
        for tensor in geometry.inputs:
            every = list(self.all_events(tensor))
            kernel = geometry.kernel[0] * geometry.kernel[1] * geometry.repeat[0] * geometry.repeat[1]
            passes = 1 if geometry.multiplier else geometry.groups
            uses = max(1, passes * kernel // (geometry.stride[0] * geometry.stride[1]))
            most = max(1, min(len(every), WORK // uses))
            count = rng.choice((0, 1, rng.randrange(1, most + 1), most, most))
            events = {place: self.value() for place in rng.sample(every, count)}
            flags = {y for y, _ in events} | {y for y in range(tensor.height) if rng.random() < 0.2}
            result.append(Changes(events, flags))
        return result


def geometries(bench: Bench, kind: str) -> Iterator[Geometry]:
    """Random geometries of a kind that fit the memories and are walked in reasonable time."""
    config = bench.config
    while True:
        geometry = random_geometry(bench.rng, kind, config.drain, config.total_lanes)
        flagged = [Changes({}, set(range(tensor.height))) for tensor in geometry.inputs]
        walk = find(geometry, Base(), flagged, False, Base()).walk
        words = max(tensor.height * tensor.mask_pitch for tensor in geometry.inputs)
        if walk < 2 * WORK and words < min(100, config.masks_words):
            yield geometry
