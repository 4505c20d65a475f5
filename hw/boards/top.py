"""The accelerator behind a UART: all of a board's design but for its clock and its pins."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract import ArrayConfig
from stillframe.hw.choice import accelerator_of
from stillframe.hw.link.uart import UartReceiver, UartTransmitter

from .lights import LIGHTS, StatusLights
from .watchdog import Watchdog, limit_bits


class Top(wiring.Component):
    """What the simulation of a board runs, pin by pin.

    Args:
        config: The array.
        clock_hz: Frequency of the clock.
        baud: Of the UART.
        limit: Bits of the :class:`~.watchdog.Watchdog`'s limit, if it is not that of the clock.

    Ports:
        rx, tx: The UART, from and to the host; high when nothing is sent.
        lights: See :class:`~.lights.StatusLights`.
    """

    rx: Signal
    tx: Signal
    lights: Signal

    def __init__(self, config: ArrayConfig, clock_hz: float, baud: float, limit: int | None = None) -> None:
        self._config, self._clock_hz = config, clock_hz
        self._receiver, self._transmitter = UartReceiver(clock_hz, baud), UartTransmitter(clock_hz, baud)
        self._watchdog = Watchdog(limit or limit_bits(clock_hz))
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "lights": Out(LIGHTS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = self._receiver
        m.submodules.transmitter = transmitter = self._transmitter
        m.submodules.watchdog = watchdog = self._watchdog
        m.submodules.lights = lights = StatusLights(self._clock_hz)
        accelerator = accelerator_of(self._config)
        # One register resets the accelerator: it may lie in the middle of all that hangs on it.
        m.domains.array = array = ClockDomain(local=True)
        reset = Signal(init=1)
        m.d.sync += reset.eq(watchdog.reset)
        m.d.comb += [array.clk.eq(ClockSignal()), array.rst.eq(reset)]
        m.submodules.accelerator = DomainRenamer("array")(accelerator)
        wiring.connect(m, receiver.o, accelerator.rx)
        wiring.connect(m, accelerator.tx, transmitter.i)
        status = accelerator.status
        m.d.comb += [
            receiver.pin.eq(self.rx),
            self.tx.eq(transmitter.pin),
            watchdog.working.eq(status.working),
            watchdog.layer.eq(status.layer),
            watchdog.line_break.eq(receiver.line_break),
            lights.session.eq(status.session),
            lights.working.eq(status.working),
            lights.trouble.eq(status.damaged | watchdog.struck),
            self.lights.eq(lights.o),
        ]
        return m
