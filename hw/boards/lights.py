"""What the lights of a board say."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

LIGHTS = 4


class StatusLights(wiring.Component):
    """Four lights, from the lowest: alive (blinks, about once a second), session (a host has said hello),
    working (lit while frames are computed), trouble (a damaged packet came, or the watchdog struck).

    What is shorter than an eye sees is stretched to about a tenth of a second.

    Args:
        clock_hz: Frequency of the clock.

    Ports:
        session, working, trouble: What there is to say.
        o: The lights.
    """

    session: Signal
    working: Signal
    trouble: Signal
    o: Signal

    def __init__(self, clock_hz: float) -> None:
        self._second = max(4, round(clock_hz).bit_length() - 1)  # bits of a counter that turns over in one
        super().__init__({"session": In(1), "working": In(1), "trouble": In(1), "o": Out(LIGHTS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        time = Signal(self._second)
        slow = Signal()  # a pulse some eight times a second
        m.d.sync += [time.eq(time + 1), slow.eq(time[:-3] == 0)]
        m.d.sync += self.o[:2].eq(Cat(time[-1], self.session))
        for n, event in ((2, self.working), (3, self.trouble)):
            seen = Signal(name=f"seen_{n}")
            with m.If(slow):
                m.d.sync += [self.o[n].eq(seen), seen.eq(event)]
            with m.If(event):
                m.d.sync += [self.o[n].eq(1), seen.eq(1)]
        return m
