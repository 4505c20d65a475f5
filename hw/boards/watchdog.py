"""A way back from any state."""

from __future__ import annotations

import math

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

LIMIT_SECONDS = 4.0
"""What a layer may take at most: many times more than any that fits, and less than a host waits."""


def limit_bits(clock_hz: float) -> int:
    """The longest limit of a :class:`Watchdog` that is below ``LIMIT_SECONDS``: 28 at 80 MHz, 3.4 seconds."""
    return math.floor(math.log2(LIMIT_SECONDS * clock_hz))


class Watchdog(wiring.Component):
    """Starts the accelerator anew if it works at one layer for too long, which a program can bring about that
    is none, or if the host asks for it by a break of the line.

    Memories keep their content, the session and the state are gone: the host hears so, uploads its program
    anew and begins with a key frame.

    Args:
        limit_bits: The limit is 2**limit_bits cycles.

    Ports:
        working: The accelerator works at a frame. layer: Pulse: at another layer from now on.
        line_break: The host asks for a new start.
        reset: The accelerator is to start anew; at least two cycles.
        struck: Pulse: because it took too long.
    """

    working: Signal
    layer: Signal
    line_break: Signal
    reset: Signal
    struck: Signal

    def __init__(self, limit_bits: int) -> None:
        self._limit_bits = limit_bits
        super().__init__(
            {"working": In(1), "layer": In(1), "line_break": In(1), "reset": Out(1), "struck": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = Signal(self._limit_bits + 1)
        held = Signal()
        over = count[-1]
        m.d.sync += [count.eq(count + 1), held.eq(over), self.struck.eq(over), self.reset.eq(0)]
        with m.If(~self.working | self.layer | over):
            m.d.sync += count.eq(0)
        with m.If(over | held | self.line_break):
            m.d.sync += self.reset.eq(1)
        return m
