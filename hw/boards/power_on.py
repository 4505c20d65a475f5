"""The reset of an iCE40 after its configuration."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

POWER_ON = 15e-6
"""Seconds for which an iCE40 is held in reset: its block RAM, with the microprogram, reads as 0 for the first
three millionths of a second or so after configuration, which Lattice says nothing of; this is what Amaranth's
platform waits, five times as long."""


class PowerOnReset(wiring.Component):
    """Is ready when the PLL has been locked for a time, and no longer when it is not.

    Its clock is that of the PLL, its own flip-flops are never reset: they are 0 after configuration.

    Args:
        cycles: How long.

    Ports:
        locked: Of the PLL.
        ready: The reset is over; from a register.
    """

    locked: Signal
    ready: Signal

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__({"locked": In(1), "ready": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        locked, waited = Signal(), Signal(range(self._cycles + 1))
        m.submodules.synchroniser = FFSynchronizer(self.locked, locked)
        m.d.sync += self.ready.eq(waited == self._cycles)
        with m.If(~locked):
            m.d.sync += waited.eq(0)
        with m.Elif(waited != self._cycles):
            m.d.sync += waited.eq(waited + 1)
        return m
