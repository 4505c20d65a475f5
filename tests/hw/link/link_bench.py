"""What the link's benches share: stream sources and sinks that stall, and a device around the link.

Everything random comes from ``random.Random(seed)``. Benches that may be left waiting when the simulation
ends wait by ``ctx.tick()`` only: Amaranth's ``until`` and ``repeat`` complain when they are thrown away.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from amaranth.hdl import Value
from amaranth.lib import stream, wiring
from amaranth.sim import Simulator

from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, encode

Bench = Callable[[Any], Coroutine[Any, Any, None]]


def simulate(component: wiring.Component, bench: Bench, *others: Bench, cycles: int = 100_000) -> None:
    """Run ``bench`` with ``others`` beside it.

    Raises:
        AssertionError: ``bench`` is not through after ``cycles``.
    """
    simulator = Simulator(component)
    simulator.add_clock(1e-6)

    async def watch(ctx: Any) -> None:
        for _ in range(cycles):
            await ctx.tick()
        raise AssertionError(f"not through after {cycles} cycles")

    simulator.add_testbench(bench)
    for other in (watch, *others):
        simulator.add_testbench(other, background=True)
    simulator.run()


async def put(ctx: Any, port: stream.Interface, value: Any, rng: random.Random, stall: float) -> None:
    """Give one value to a stream, after a random pause."""
    while rng.random() < stall:
        await ctx.tick()
    ctx.set(port.payload, value)
    ctx.set(port.valid, 1)
    ready = False
    while not ready:
        _, _, ready = await ctx.tick().sample(port.ready)
    ctx.set(port.valid, 0)


def source(port: stream.Interface, queue: deque[Any], rng: random.Random, stall: float) -> Bench:
    """A bench that gives what stands in ``queue`` to a stream."""

    async def bench(ctx: Any) -> None:
        while True:
            while not queue:
                await ctx.tick()
            await put(ctx, port, queue.popleft(), rng, stall)

    return bench


def sink(
    port: stream.Interface,
    into: list[Any],
    rng: random.Random,
    stall: float,
    convert: Callable[[Any], Any] = lambda value: value,
) -> Bench:
    """A bench that takes everything from a stream, and sees that a value does not change while it waits."""

    async def bench(ctx: Any) -> None:
        waiting: Any = None
        bits = Value.cast(port.payload)
        while True:
            ready = rng.random() >= stall
            ctx.set(port.ready, ready)
            _, _, valid, raw, payload = await ctx.tick().sample(port.valid, bits, port.payload)
            if waiting is not None:
                assert valid, "a stream withdrew a value"
                assert raw == waiting, "a stream changed a value that waits"
            waiting = raw if valid and not ready else None
            if valid and ready:
                into.append(convert(payload))

    return bench


def packets(data: Iterable[int]) -> list[tuple[int, int, bytes]]:
    """(type, sequence, payload) of each whole packet in a flawless byte stream."""
    data, found = bytes(data), []
    while len(data) >= HEADER_BYTES:
        payload_end = HEADER_BYTES + int.from_bytes(data[3:5], "little")
        if len(data) < payload_end + CRC_BYTES:
            break
        kind, sequence, payload = data[1], data[2], data[HEADER_BYTES:payload_end]
        packet = encode(kind, sequence, payload)
        assert data.startswith(packet), f"expected {packet.hex(' ')}, got {data[: len(packet)].hex(' ')}"
        found.append((kind, sequence, payload))
        data = data[len(packet) :]
    return found
