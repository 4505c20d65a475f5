"""Components in Amaranth's simulator, held to what they assert."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from amaranth.lib import wiring
from amaranth.sim import Simulator, SimulatorContext

Testbench = Callable[[SimulatorContext], Awaitable[None]]


def simulate(component: wiring.Component, testbench: Testbench, forbidden: Testbench | None = None) -> None:
    """Run a testbench; ``forbidden``, run after it, has to violate an assertion of the component."""
    reached = False

    async def bench(ctx: SimulatorContext) -> None:
        nonlocal reached
        await testbench(ctx)
        reached = True
        if forbidden is not None:
            await forbidden(ctx)

    sim = Simulator(component)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    if forbidden is None:
        sim.run()
    else:
        with pytest.raises(AssertionError, match="Assertion violated"):
            sim.run()
    assert reached, "an assertion was violated by what is allowed"


def drive(ctx: SimulatorContext, port: Any, **values: Any) -> None:
    """Set members of an interface or a component."""
    for name, value in values.items():
        ctx.set(getattr(port, name), value)


async def stream(
    ctx: SimulatorContext, i: Any, o: Any, payloads: list[Any], cycles: int = 60
) -> tuple[list[int], list[int], list[Any]]:
    """Send payloads, take what comes: the cycles of both and what came."""
    taken: list[int] = []
    given: list[int] = []
    came: list[Any] = []
    ctx.set(o.ready, 1)
    for cycle in range(cycles):
        waiting = len(taken) < len(payloads)
        ctx.set(i.valid, waiting)
        if waiting:
            ctx.set(i.payload, payloads[len(taken)])
        if ctx.get(i.valid & i.ready):
            taken.append(cycle)
        if ctx.get(o.valid & o.ready):
            given.append(cycle)
            came.append(ctx.get(o.payload))
        await ctx.tick()
    return taken, given, came
