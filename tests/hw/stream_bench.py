"""Streams in Amaranth's simulator: words in, words out, with stalls on both sides."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.lib import wiring
from amaranth.sim import Simulator, SimulatorContext

Write = tuple[int, int, int]
"""Column, row and data of a host write."""


@dataclass(frozen=True)
class Run:
    """Words that came out, and the cycles in which words were taken in and out."""

    words: list[dict[str, Any]]
    taken: list[int]
    given: list[int]


def run_stream(
    component: wiring.Component,
    words: Sequence[dict[str, Any]],
    *,
    layer: dict[str, int],
    writes: Sequence[Write] = (),
    stall: float = 0.0,
    seed: int = 0,
) -> Run:
    """Write parameters, start the layer if the component wants to know, then send words through its ``i`` and
    collect as many from its ``o``.

    Args:
        component: Has ports ``i``, ``o``, ``layer`` and the host's write port. Not yet elaborated.
        words: Items for ``i``.
        layer: Fields of the layer; others are 0.
        writes: Through the host's port, one a cycle.
        stall: Probability that a side pauses in a cycle.
        seed: Of the pauses.
    """
    limit = 1000 + int(20 * len(words) / (1 - stall) ** 2)
    run = Run([], [], [])
    sim: Any = Simulator(component)
    sim.add_clock(1e-6)
    dut: Any = component

    async def send(ctx: SimulatorContext) -> None:
        rng = random.Random(f"in {seed}")
        for name, value in layer.items():
            ctx.set(getattr(dut.layer, name), value)
        for column, row, value in writes:
            ctx.set(dut.write_en, 1)
            ctx.set(dut.write_column, column)
            ctx.set(dut.write_row, row)
            ctx.set(dut.write_data, value)
            await ctx.tick()
        ctx.set(dut.write_en, 0)
        await ctx.tick()
        if "start" in dut.signature.members:
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await ctx.tick().repeat(2)
            while not ctx.get(dut.loaded):
                await ctx.tick()
        for word in words:
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(dut.i.payload, word)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)

    async def receive(ctx: SimulatorContext) -> None:
        rng = random.Random(f"out {seed}")
        for cycle in range(limit + len(writes)):
            ctx.set(dut.o.ready, rng.random() >= stall)
            *_, taken, given, payload = await ctx.tick().sample(
                dut.i.valid & dut.i.ready, dut.o.valid & dut.o.ready, dut.o.payload
            )
            if taken:
                run.taken.append(cycle)
            if given:
                run.given.append(cycle)
                run.words.append(plain(payload))
            if len(run.words) == len(words):
                return
        raise AssertionError(f"expected {len(words)} words in {limit} cycles, got {len(run.words)}")

    sim.add_testbench(send)
    sim.add_testbench(receive)
    sim.run()
    return run


def plain(payload: Any) -> dict[str, Any]:
    """A sampled structure as a dictionary of integers and lists."""
    fields = {name: payload[name] for name, _ in payload.shape()}
    return {name: list(v) if hasattr(v, "shape") else int(v) for name, v in fields.items()}
