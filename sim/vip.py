"""Typed streams for cocotb benches: sources, sinks and monitors of Amaranth's ``lib.stream``.

Amaranth flattens a structured payload to one vector; here items are what its layout says: an integer for
a plain shape, a dictionary by field for a structure, a list for an array. Values are sampled just before
the rising edge of ``clk`` and driven just after it.
"""

from __future__ import annotations

import json
import os
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import cocotb
from amaranth.hdl import Shape, ShapeLike
from amaranth.lib import data
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

PARAMETERS = "STILLFRAME_BENCH"
"""Environment variable that brings the parameters as JSON."""


def parameters() -> dict[str, Any]:
    """What was given to :func:`~stillframe.sim.cocotb_runner.run_bench`."""
    return dict(json.loads(os.environ.get(PARAMETERS, "{}")))


def packer(shape: ShapeLike) -> Callable[[Any], int]:
    """What makes the bits of an item, as an unsigned number. Fields left out of a dictionary are 0.

    The shape is read once, which takes much longer than the bits of one item. What it gives raises ValueError
    for a number outside the range of its shape.
    """
    if isinstance(shape, data.StructLayout):
        fields = {name: (packer(field.shape), field.offset) for name, field in shape}

        def struct(item: Any) -> int:
            bits = 0
            for name, value in item.items():
                part, offset = fields[name]
                bits |= part(value) << offset
            return bits

        return struct
    if isinstance(shape, data.ArrayLayout):
        element, offsets = packer(shape.elem_shape), [field.offset for _, field in shape]

        def array(item: Any) -> int:
            if len(item) != len(offsets):
                raise ValueError(f"expected {len(offsets)} elements, got {len(item)}")
            return sum(element(value) << offset for value, offset in zip(item, offsets, strict=True))

        return array
    plain = Shape.cast(shape)
    mask = (1 << plain.width) - 1
    low, high = (-(1 << plain.width - 1), 1 << plain.width - 1) if plain.signed else (0, 1 << plain.width)

    def number(item: Any) -> int:
        if not low <= int(item) < high:
            raise ValueError(f"expected {low} to {high - 1} for {plain!r}, got {item}")
        return int(item) & mask

    return number


def unpacker(shape: ShapeLike) -> Callable[[int], Any]:
    """What makes the item that some bits stand for, the inverse of :func:`packer`."""
    if isinstance(shape, data.StructLayout):
        fields = [(name, unpacker(field.shape), field.offset) for name, field in shape]
        return lambda bits: {name: part(bits >> offset) for name, part, offset in fields}
    if isinstance(shape, data.ArrayLayout):
        element, offsets = unpacker(shape.elem_shape), [field.offset for _, field in shape]
        return lambda bits: [element(bits >> offset) for offset in offsets]
    plain = Shape.cast(shape)
    mask = (1 << plain.width) - 1
    if not plain.signed:
        return lambda bits: bits & mask
    sign = 1 << plain.width - 1
    return lambda bits: ((bits & mask) ^ sign) - sign


class _Port:
    """The signals of a stream port of ``dut``, and a task that runs once a cycle."""

    def __init__(self, dut: Any, port: str, shape: ShapeLike, stall: float, seed: int) -> None:
        self.name, self.stall = port, stall
        self._pack, self._unpack = packer(shape), unpacker(shape)
        self._clk, self._rst = dut.clk, dut.rst
        self._random = random.Random(f"{port} {seed}")
        self._payload, self._valid, self._ready = (
            getattr(dut, f"{port}__{signal}") for signal in ("payload", "valid", "ready")
        )
        self._driven: dict[Any, int] = {}
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        edge, rst = RisingEdge(self._clk), self._rst
        while True:
            await edge
            self._cycle(bool(int(rst.value)))

    def _drive(self, signal: Any, value: int) -> None:
        """Give a signal a value, if it has another: most keep theirs most cycles, and a write takes long."""
        if self._driven.get(signal) != value:
            self._driven[signal] = signal.value = value

    def _cycle(self, in_reset: bool) -> None:
        raise NotImplementedError

    def _pause(self) -> bool:
        return self._random.random() < self.stall


class StreamSource(_Port):
    """Sends items into an ``In`` stream, pausing before each with probability ``stall``; the payload is
    anything while it offers none.

    An item that a reset finds on the wires is lost; :meth:`clear` drops those that wait.
    """

    def __init__(self, dut: Any, port: str, shape: ShapeLike, stall: float = 0.0, seed: int = 0) -> None:
        self._queue: deque[int] = deque()
        self._offering = False
        super().__init__(dut, port, shape, stall, seed)
        self._noise = random.Random(f"{port} {seed} noise")
        self._width = Shape.cast(shape).width
        self._drive(self._valid, 0)
        self._drive(self._payload, 0)

    def send(self, items: Iterable[Any]) -> None:
        """Queue items."""
        self._queue.extend(self._pack(item) for item in items)

    def clear(self) -> None:
        """Drop the items that wait."""
        self._queue.clear()

    async def sent(self, timeout: int = 100_000) -> None:
        """Wait until all items are taken; fails after ``timeout`` cycles."""
        for _ in range(timeout):
            if not self._queue and not self._offering:
                return
            await RisingEdge(self._clk)
        left = len(self._queue) + self._offering
        raise AssertionError(f"{self.name}: {left} items not taken in {timeout} cycles")

    def _cycle(self, in_reset: bool) -> None:
        if in_reset or (self._offering and int(self._ready.value)):
            self._offering = False
        if not self._offering and not in_reset and self._queue and not self._pause():
            self._offering = True
            self._drive(self._payload, self._queue.popleft())
        elif not self._offering:
            self._drive(self._payload, self._noise.getrandbits(self._width))
        self._drive(self._valid, int(self._offering))


class StreamMonitor(_Port):
    """Collects the items that pass through a stream of either direction, in ``items``.

    Fails the test when an item that was offered is changed or withdrawn before it is taken.
    """

    def __init__(self, dut: Any, port: str, shape: ShapeLike, stall: float = 0.0, seed: int = 0) -> None:
        self.items: list[Any] = []
        self._waiting: int | None = None
        super().__init__(dut, port, shape, stall, seed)

    def clear(self) -> None:
        """Forget the items so far."""
        self.items.clear()

    async def count(self, n: int, timeout: int = 100_000) -> None:
        """Wait until ``n`` items have passed; fails after ``timeout`` cycles."""
        for _ in range(timeout):
            if len(self.items) >= n:
                return
            await RisingEdge(self._clk)
        raise AssertionError(f"{self.name}: expected {n} items in {timeout} cycles, got {len(self.items)}")

    def _cycle(self, in_reset: bool) -> None:
        valid = bool(int(self._valid.value)) and not in_reset
        bits = int(self._payload.value) if valid else None
        if self._waiting is not None and not in_reset:
            assert valid, f"{self.name}: {self._unpack(self._waiting)} was withdrawn before it was taken"
            assert bits == self._waiting, (
                f"{self.name}: {self._unpack(self._waiting)} changed to {self._unpack(bits or 0)} "
                "before it was taken"
            )
        taken = valid and bool(int(self._ready.value))
        self._waiting = None if taken else bits
        if taken:
            self.items.append(self._unpack(bits or 0))


class StreamSink(StreamMonitor):
    """A monitor of an ``Out`` stream that also takes the items: ``stall`` is how likely it is not ready."""

    async def receive(self, n: int, timeout: int = 100_000) -> list[Any]:
        """The next ``n`` items; fails if they have not come after ``timeout`` cycles."""
        await self.count(n, timeout)
        taken, self.items[:] = self.items[:n], self.items[n:]
        return taken

    def _cycle(self, in_reset: bool) -> None:
        super()._cycle(in_reset)
        self._drive(self._ready, int(not self._pause()))


async def start(dut: Any) -> None:
    """Start ``clk`` (10 ns) and reset the design."""
    dut.rst.value = 0
    Clock(dut.clk, 10, unit="ns").start()
    await reset(dut)


async def reset(dut: Any, *streams: StreamSource | StreamMonitor, cycles: int = 2) -> None:
    """Hold ``rst`` for some cycles, and clear what ``streams`` keep."""
    dut.rst.value = 1
    for _ in range(cycles):
        await RisingEdge(dut.clk)
    for port in streams:
        port.clear()
    dut.rst.value = 0
