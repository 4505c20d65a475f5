"""The boards that are plugged in, by their USB identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stillframe.requirements import needs

from ..contract import StillframeError
from ..contract.boards import BOARDS, Board

with needs("pyserial"):
    from serial.tools import list_ports


@dataclass(frozen=True)
class Port:
    """A serial port with a board behind it.

    Attributes:
        path: The port, for example /dev/ttyUSB0.
        board: What it is.
        serial: Serial number of its bridge; empty if it has none. The path may change when it is plugged in
            again, the number does not.
    """

    path: str
    board: Board
    serial: str


def list_boards() -> list[Port]:
    """All boards that are plugged in, by path."""
    found = []
    for info in sorted(list_ports.comports(), key=lambda info: info.device):
        board = _board(info)
        if board:
            found.append(Port(info.device, board, info.serial_number or ""))
    return found


def only_board() -> Port:
    """The board that is plugged in.

    Raises:
        StillframeError: There is none, or more than one.
    """
    ports = list_boards()
    if len(ports) == 1:
        return ports[0]
    there = ", ".join(f"{port.path} ({port.board.title})" for port in ports) or "none"
    raise StillframeError(
        f"device serial: expected one board on USB, got {there}",
        "name its port: --device serial:/dev/ttyUSB0 (stillframe devices lists boards)"
        if ports
        else "plug one in, or name its port: --device serial:/dev/ttyUSB0",
    )


def serial_of(path: str) -> str:
    """Serial number of the USB bridge behind a port; empty if it has none."""
    return next((info.serial_number or "" for info in list_ports.comports() if info.device == path), "")


def path_of(serial: str) -> str | None:
    """The port of the bridge with that serial number; None if it is not plugged in."""
    return next((info.device for info in list_ports.comports() if info.serial_number == serial), None)


def _board(info: Any) -> Board | None:
    for board in BOARDS.values():
        usb = board.usb
        if (info.vid, info.pid) != (usb.vendor, usb.product):
            continue
        texts = (info.product or "", info.description or "")
        if any(text.startswith(usb.text) for text in texts) and (info.location or "").endswith(usb.interface):
            return board
    return None
