"""A board's design with a host's UART at its pins."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract import ArrayConfig
from stillframe.hw.boards.top import Top
from stillframe.hw.link.uart import UartReceiver, UartTransmitter


class BoardOnPins(wiring.Component):
    """The board's top with nothing but its two pins to talk through.

    Args:
        config: The array.
        clock_hz, baud: Of the board.
        drift: How much faster than ``baud`` the host's UART is; a USB bridge has a crystal of its own.
        limit: Bits of the board's watchdog's limit, if it is not that of the clock.

    Ports:
        rx, tx: The host's bytes, to and from the board. ``tx`` does not wait: what is not taken is lost.
    """

    rx: stream.Interface
    tx: stream.Interface

    def __init__(
        self,
        config: ArrayConfig,
        clock_hz: float,
        baud: float,
        drift: float = 0.0,
        limit: int | None = None,
    ) -> None:
        self._top = Top(config, clock_hz, baud, limit)
        self._clock_hz, self._baud = clock_hz, baud * (1 + drift)
        super().__init__({"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.board = board = self._top
        m.submodules.to_board = to_board = UartTransmitter(self._clock_hz, self._baud)
        m.submodules.from_board = from_board = UartReceiver(self._clock_hz, self._baud)
        wiring.connect(m, wiring.flipped(self.rx), to_board.i)
        wiring.connect(m, from_board.o, wiring.flipped(self.tx))
        m.d.comb += [board.rx.eq(to_board.pin), from_board.pin.eq(board.tx)]
        return m
