"""A board on a serial port."""

from __future__ import annotations

import time
from urllib.parse import parse_qs

from stillframe.requirements import needs

from ..contract import StillframeError
from . import ports
from .reader import MAX_PACKET_BYTES
from .transport import Transport

with needs("pyserial"):
    import serial

BAUD = 3_000_000
"""Where neither the board nor the user says another."""

PATIENCE = 5.0
"""Seconds without a byte after which a read without timeout gives up; the device's watchdog is quicker."""

RECONNECT = 10.0
"""Seconds that a cable may be out before the port counts as gone."""

POLL = 0.1
"""Seconds between two looks whether the port is back."""


class SerialTransport(Transport):
    """Bytes over a serial port: 8 data bits, no parity, 1 stop bit, no flow control (requests wait for their
    answer, so that neither side is ever sent more than its buffer holds).

    A cable that is pulled loses bytes like any other fault: reads find nothing, and the next write waits up
    to :data:`RECONNECT` seconds for the port, or for its USB bridge under another name, to come back. What a
    port does not take in time is lost, too.

    Args:
        path: The port, for example /dev/ttyUSB0; also a pseudo-terminal.
        baud: Bits a second.
        patience: Seconds without a byte after which a read without timeout gives up; so much longer than its
            bits take may a write last.
        reconnect: Seconds that the port may be gone.

    Raises:
        StillframeError: The port cannot be opened; when writing: it did not come back.
    """

    def __init__(
        self, path: str, baud: int = BAUD, *, patience: float = PATIENCE, reconnect: float = RECONNECT
    ) -> None:
        self.path, self.baud = path, baud
        self.reconnections = 0
        self._patience, self._reconnect = patience, reconnect
        self._bridge = ports.serial_of(path)
        self._closed = False
        self._port: serial.Serial | None = None
        try:
            self._port = self._open(path)
        except (OSError, ValueError) as error:  # pyserial's exceptions are OSErrors
            raise StillframeError(
                f"device serial:{path}: expected to open it at {baud:,} baud, got: {error}",
                "check the path (stillframe devices lists boards), that you may use it (group dialout), and "
                "that nothing else does",
            ) from error

    def write(self, data: bytes) -> None:
        """Send bytes. See the class for what happens while the port is gone."""
        port = self._port or self._wait_for_port()
        try:
            port.write(data)
        except serial.SerialTimeoutException:
            pass  # nobody takes them: they are lost
        except OSError:
            self._lose()

    def read(self, n: int, timeout: float | None = None) -> bytes:
        """Receive bytes; see :meth:`.transport.Transport.read`."""
        data = bytearray()
        wait = self._patience if timeout is None else timeout
        while self._port and len(data) < n:
            try:
                self._port.timeout = wait
                waiting = self._port.in_waiting
                part = self._port.read(max(1, min(n - len(data), waiting)) if wait else min(n, waiting))
            except (OSError, TypeError):  # pyserial raises TypeError if closed by another thread
                self._lose()
                break
            if not part:
                break
            data += part
        return bytes(data)

    def interrupt(self) -> None:
        """Hold the line low for longer than a byte: the device starts anew, whatever it was doing."""
        if self._port:
            try:
                self._port.send_break(duration=max(0.001, 30 / self.baud))
            except OSError:
                self._lose()

    def close(self) -> None:
        """Close the port; a second time does nothing."""
        self._closed = True
        if self._port:
            self._port.close()
            self._port = None

    def _open(self, path: str) -> serial.Serial:
        longest = self._patience + 2 * MAX_PACKET_BYTES * 10 / self.baud  # a request and what goes before it
        return serial.Serial(path, self.baud, timeout=self._patience, write_timeout=longest, exclusive=True)

    def _lose(self) -> None:
        if self._port:
            self._port.close()
        self._port = None

    def _wait_for_port(self) -> serial.Serial:
        if self._closed:
            raise StillframeError("device serial: expected an open one, this is closed", "open it again")
        end = time.monotonic() + self._reconnect
        while True:
            path = (ports.path_of(self._bridge) if self._bridge else None) or self.path
            try:
                self._port = self._open(path)
            except (OSError, ValueError) as error:
                if time.monotonic() >= end:
                    raise StillframeError(
                        f"device serial:{self.path}: expected it to come back within {self._reconnect:g} s, "
                        f"got: {error}",
                        "check the cable and the board's power, then run the command again",
                    ) from error
                time.sleep(POLL)
            else:
                self.path = path
                self.reconnections += 1
                return self._port


def open_serial(address: str) -> SerialTransport:
    """Open the port of an address.

    Args:
        address: What follows ``serial:``: a path, then ``?baud=…`` if it is not the board's own rate; without
            a path the one board that is plugged in.

    Raises:
        StillframeError: The address has another form, there is not one board, or the port cannot be opened.
    """
    path, _, query = address.partition("?")
    options = parse_qs(query, keep_blank_values=True)
    values = options.pop("baud", [])
    if options or (query and not values) or not all(v.isascii() and v.isdigit() and int(v) for v in values):
        raise StillframeError(
            f"device serial:{address}: expected a path and ?baud= with a number, got {query!r}",
            "for example --device serial:/dev/ttyUSB0?baud=3000000",
        )
    if not path:
        port = ports.only_board()
        return SerialTransport(port.path, int(values[0]) if values else port.board.baud)
    known = {port.path: port.board.baud for port in ports.list_boards()}
    return SerialTransport(path, int(values[0]) if values else known.get(path, BAUD))
