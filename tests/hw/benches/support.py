"""What the benches share beyond the VIP: the layer, cycles of stream items, writes, idle time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from stillframe.contract.layer import LAYER_FIELDS
from stillframe.sim.vip import StreamMonitor, StreamSink

PERIOD = 10  # ns, of the VIP's clock
QUIET = 6
"""Cycles waited to see that nothing more comes."""

_driven: dict[str, int] = {}  # what the layer registers have, since driving them takes long


def cycle() -> int:
    """The number of the clock edge, from the start of the simulation."""
    return int(get_sim_time("ns")) // PERIOD


async def wait(dut: Any, cycles: int) -> None:
    """Let some cycles pass."""
    for _ in range(cycles):
        await RisingEdge(dut.clk)


def every_cycle(dut: Any, action: Callable[[], None]) -> None:
    """Call ``action`` at each clock edge, with the values before it, until the test ends; not in reset."""

    async def watch() -> None:
        while True:
            await RisingEdge(dut.clk)
            if not int(dut.rst.value):
                action()

    cocotb.start_soon(watch())


def set_layer(dut: Any, key: int = 0, **fields: int) -> None:
    """Drive the layer registers; fields left out are 0."""
    assert fields.keys() <= LAYER_FIELDS.keys(), fields.keys() - LAYER_FIELDS.keys()
    values = {name: int(fields.get(name, 0)) for name in LAYER_FIELDS} | {"key": int(key)}
    for name, value in values.items():
        if _driven.get(name) != value:
            getattr(dut, f"layer__{name}").value = _driven[name] = value


class Timed(StreamMonitor):
    """A monitor that also keeps the cycle of each item, in ``cycles``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.cycles: list[int] = []
        super().__init__(*args, **options)

    def clear(self) -> None:
        super().clear()
        self.cycles.clear()

    def _cycle(self, in_reset: bool) -> None:
        before = len(self.items)
        super()._cycle(in_reset)
        if len(self.items) > before:
            self.cycles.append(cycle())


class TimedSink(Timed, StreamSink):
    """A sink that also keeps the cycle of each item."""


class Writes:
    """The writes through a port: in each cycle with ``enable``, the values of ``signals``, in ``log``; the
    cycle of each is in ``cycles``."""

    def __init__(self, dut: Any, enable: str, *signals: str) -> None:
        self.log: list[tuple[int, ...]] = []
        self.cycles: list[int] = []
        port = getattr(dut, enable)
        values = [getattr(dut, name) for name in signals]

        def look() -> None:
            if int(port.value):
                self.log.append(tuple(int(value.value) for value in values))
                self.cycles.append(cycle())

        every_cycle(dut, look)

    def clear(self) -> None:
        """Forget them."""
        self.log.clear()
        self.cycles.clear()


def consecutive(cycles: Sequence[int]) -> bool:
    """Whether there is one item in each cycle from the first to the last."""
    return list(cycles) == list(range(cycles[0], cycles[0] + len(cycles)))


def noise(rng: random.Random, width: int) -> int:
    """Any value of ``width`` bits: what a memory shows that nobody reads."""
    return rng.getrandbits(width)
