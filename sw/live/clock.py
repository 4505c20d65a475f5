"""The clock of a device, by which its cycles are milliseconds."""

from __future__ import annotations

import importlib


def clock_hz(device: str) -> float | None:
    """The clock of a device's array in Hz; None where there is none (``sim``) or it is unknown.

    Args:
        device: As for :func:`~stillframe.driver.open_device`, which has opened it.
    """
    kind, _, address = device.partition(":")
    if kind == "simserial":
        board = importlib.import_module("stillframe.sim.simserial").board_of(address)
        return float(board.clock_mhz * 1e6)
    if kind != "serial":
        return None
    from stillframe.driver.ports import list_boards

    path = address.partition("?")[0]
    boards = [port.board for port in list_boards() if path in ("", port.path)]
    return boards[0].clock_mhz * 1e6 if len(boards) == 1 else None
