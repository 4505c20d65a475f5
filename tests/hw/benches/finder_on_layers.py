"""The event finder on random layers: its streams, its memories, and what is to come."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from cocotb.triggers import RisingEdge
from geometry import Base, Geometry, random_geometry
from receptive_fields import Bank, Changes, Events, Found, find
from small_arrays import small_array
from support import QUIET, TimedSink, cycle, noise, set_layer, wait
from tensors import Tensor

from stillframe.contract import ArrayConfig
from stillframe.contract.array import MASK_COLUMNS, SLOTS
from stillframe.hw.payloads import KERNEL_ROWS, STRIP, event
from stillframe.sim.vip import parameters

WORK = 2000
"""Products of a layer, more or less, so that a bench stays short."""


class Bench:
    """The finder, its streams, and the memories of a layer's input."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config: ArrayConfig = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        banks = range(self.config.banks)
        self.events = [TimedSink(dut, f"events__{b}", event(self.config), stall, seed) for b in banks]
        self.strips = TimedSink(dut, "strips", STRIP, stall, seed)
        self.rows = TimedSink(dut, "rows", KERNEL_ROWS, stall, seed)
        self.sinks = [*self.events, self.strips, self.rows]
        self.busy_cycles = 0
        for name in ("start", "flag_en", "mask_en", "event_en"):
            getattr(dut, name).value = 0

    def base(self, tensor: Tensor) -> Base:
        """Where the tensor may lie."""
        rng, config = self.rng, self.config
        return Base(
            masks=rng.randrange(config.masks_words - tensor.height * tensor.mask_pitch + 1),
            events=rng.randrange(config.events_words - tensor.size + 1),
            rows=rng.randrange(config.rows - tensor.height + 1),
            weights=rng.randrange(1 << 20),
            params=rng.randrange(1000),
        )

    async def load(self, tensor: Tensor, base: Base, changes: Changes, depthwise: bool) -> None:
        """Write flags, masks and values, and noise where nothing may look.

        That is rows without a flag, columns behind a row's last, and values of no event, unless events are
        those of a group (``depthwise``).
        """
        rng, config = self.rng, self.config
        drain, banks, size = config.drain, config.banks, config.group
        width = MASK_COLUMNS * drain
        masks = {base.masks + n: noise(rng, width) for n in range(tensor.height * tensor.mask_pitch)}
        values: dict[int, list[int]] = {}
        for y, x, word in tensor.places():
            if y not in changes.flags:
                continue
            address, column = base.masks + tensor.mask(y, x, word), x % MASK_COLUMNS
            found = values[base.events + tensor.offset(y, x, word)] = []
            for element in range(drain):
                bit = (element % banks) * MASK_COLUMNS * size + column * size + element // banks
                value = changes.events.get((y, x, word * drain + element))
                masks[address] = masks[address] & ~(1 << bit) | (value is not None) << bit
                found.append(value if value is not None else 0 if depthwise else noise(rng, 9))
        flag_rows = {base.rows + y: int(y in changes.flags) for y in range(tensor.height)}
        await self._write("flag_en", "flag_row", "flag", flag_rows)
        await self._write("mask_en", "mask_address", "mask_bits", masks)
        words = {a: sum((v & 0x1FF) << 9 * e for e, v in enumerate(word)) for a, word in values.items()}
        await self._write("event_en", "event_address", "event_values", words)

    async def _write(self, enable: str, address: str, data: str, content: dict[int, int]) -> None:
        dut = self.dut
        port = getattr(dut, enable)
        port.value = (1 << len(port)) - 1 if content else 0
        for row, value in content.items():
            getattr(dut, address).value, getattr(dut, data).value = row, value
            await RisingEdge(dut.clk)
        getattr(dut, enable).value = 0

    async def begin(self) -> int:
        """Start the walk; the cycle of the start."""
        for sink in self.sinks:
            sink.clear()
        self.dut.start.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.start.value = 0
        return cycle()

    async def idle(self) -> None:
        """Wait until it is not busy, and has given everything."""
        for _ in range(100_000):
            await RisingEdge(self.dut.clk)
            if not int(self.dut.busy.value):
                break
        else:
            raise AssertionError("still busy")
        before = -1
        while before != (before := sum(len(sink.items) for sink in self.sinks)):
            await wait(self.dut, 10 * QUIET)

    async def check(
        self, geometry: Geometry, changes: Changes, *, key: bool = False, evaluate_all: bool = False
    ) -> tuple[Found, int]:
        """Run a layer and compare strips and products; what was wanted, and the cycle of the start."""
        base = self.base(geometry.input)
        await self.load(geometry.input, base, changes, geometry.depthwise)
        set_layer(self.dut, key, **geometry.fields(base) | {"evaluate_all": int(evaluate_all)})
        found = find(geometry, base, changes, key or evaluate_all)
        started = await self.begin()
        await self.idle()
        assert self.strips.items == found.strips, f"{geometry}"
        assert not self.rows.items
        for number, sink in enumerate(self.events):
            bank = Bank(geometry)
            for item in sink.items:
                bank.take(item)
            wanted = found.products[number % geometry.share]
            assert bank.products == wanted, f"bank {number}, {geometry}, {base}"
            assert bank.complete == found.pixels, f"{geometry}"
            assert bank.ahead <= SLOTS, f"{geometry}"
        return found, started

    def value(self) -> int:
        """An event's value: an end of the range, 0, or any."""
        return self.rng.choice((-255, 255, 1, -1, 0, self.rng.randrange(-255, 256)))

    def all_events(self, tensor: Tensor) -> Events:
        """Every element changes, from one end of the range to the other."""
        return {
            (y, x, c): 255 if (y + x + c) % 2 else -255
            for y in range(tensor.height)
            for x in range(tensor.width)
            for c in range(tensor.channels)
        }

    def some_changes(self, geometry: Geometry) -> Changes:
        """Random events, as many as keep the bench short, now and then none; flags of rows without any."""
        rng, tensor = self.rng, geometry.input
        every = list(self.all_events(tensor))
        taps = geometry.kernel[0] * geometry.kernel[1] * (1 if geometry.depthwise else geometry.groups)
        most = max(1, min(len(every), WORK // taps))
        count = rng.choice((0, 1, rng.randrange(1, most + 1), most, most))
        events = {place: self.value() for place in rng.sample(every, count)}
        flags = {y for y, _, _ in events} | {y for y in range(tensor.height) if rng.random() < 0.2}
        return Changes(events, flags)


def geometries(bench: Bench, kind: str) -> Iterator[Geometry]:
    """Random geometries of a kind that fit the memories and are walked in reasonable time."""
    config = bench.config
    while True:
        geometry = random_geometry(bench.rng, kind, config)
        source, target = geometry.input, geometry.output
        work = target.height * geometry.groups * geometry.kernel[0] * source.words * source.width
        masks = source.height * source.mask_pitch
        if work < 4 * WORK and masks <= config.masks_words and source.size <= config.events_words:
            yield geometry
