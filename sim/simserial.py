"""A simulated board behind a pseudo-terminal: for the driver it is a serial port like any other."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from urllib.parse import parse_qs

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.boards import BOARDS, Board
from stillframe.driver.serial_port import SerialTransport
from stillframe.hw.link.uart import phase_step

from . import verilator, verilog
from .native import PATIENCE_CYCLES, SimTransport
from .pins import BoardOnPins
from .verilog import Status, quiet

BOARD = "ulx3s-25f"
"""What is simulated if no board is named."""

DRIFT = 0.005
"""How much faster the host's UART is than the board's: crystals differ by less."""

PATIENCE = 600.0
"""Seconds without a byte after which a read gives up: a simulation takes its time."""

SLICE = 20_000
"""Cycles that the board runs between two looks at the terminal."""

IDLE = PATIENCE_CYCLES
"""Cycles without a byte after which the board sleeps until the host sends one: more than a frame takes."""


class SimulatedSerial(SerialTransport):
    """The serial transport at one end of a pseudo-terminal, and the board's pins at the other.

    Args:
        board: The simulation of a :class:`~.pins.BoardOnPins`; closed together with the transport.
        patience: Seconds without a byte after which a read without timeout gives up.
    """

    def __init__(self, board: SimTransport, patience: float = PATIENCE) -> None:
        self.board = board
        self._master, port = os.openpty()
        self._port_end = port  # kept open, so that the terminal stays while the transport reopens it
        tty.setraw(port)
        os.set_blocking(self._master, False)
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        super().__init__(os.ttyname(port), patience=patience)
        self._pump = threading.Thread(target=self._run, name="simulated board", daemon=True)
        self._pump.start()

    def read(self, n: int, timeout: float | None = None) -> bytes:
        """See :meth:`.SerialTransport.read`; raises what ended the simulation, if something did."""
        data = super().read(n, timeout)
        if self._failure:
            raise self._failure
        return data

    def close(self) -> None:
        """End the simulation."""
        super().close()
        if self._stop.is_set():
            return
        self._stop.set()
        self._pump.join()
        self.board.close()
        os.close(self._master)
        os.close(self._port_end)

    def _run(self) -> None:
        """Carry bytes between terminal and board."""
        waiting, quiet_cycles = bytearray(), 0
        try:
            while not self._stop.is_set():
                readable, _, _ = select.select([self._master], [], [], 0.05 if quiet_cycles >= IDLE else 0)
                data = self._receive() if readable else b""
                if data:
                    self.board.write(data)
                    quiet_cycles = 0
                if quiet_cycles < IDLE:
                    self.board.run(SLICE)
                    quiet_cycles += SLICE
                if answer := self.board.read(1 << 20, 0):
                    waiting += answer
                    quiet_cycles = 0
                if waiting:
                    with contextlib.suppress(BlockingIOError):
                        del waiting[: os.write(self._master, waiting)]
        except BaseException as error:
            self._failure = error

    def _receive(self) -> bytes:
        try:
            return os.read(self._master, 1 << 16)
        except BlockingIOError:
            return b""


def board_of(address: str) -> Board:
    """The board of an address of :func:`open_simserial`.

    Raises:
        StillframeError: There is none of that name.
    """
    name = address.partition("?")[0] or BOARD
    if name not in BOARDS:
        raise StillframeError(
            f"device simserial:{address}: expected nothing or one out of {', '.join(BOARDS)}, got {name!r}",
            "name it simserial, or for example simserial:icebreaker",
        )
    return BOARDS[name]


def open_simserial(
    config: ArrayConfig, address: str = "", *, on_status: Status | None = None
) -> SimulatedSerial:
    """Simulate a board with an array, pin by pin, behind a pseudo-terminal.

    Args:
        config: The array; of the board's part, if a board is named.
        address: Name of the board, or nothing for :data:`BOARD`; then ``?baud=…`` for another rate of both
            UARTs.
        on_status: Takes lines that say what is being waited for.

    Raises:
        StillframeError: The address has another form, the array is for another part, or a tool is missing.
    """
    status = on_status or quiet
    name, _, query = address.partition("?")
    board = board_of(address)
    clock_hz = board.clock_mhz * 1e6
    options = parse_qs(query, keep_blank_values=True)
    values = options.pop("baud", [] if query else [str(board.baud)])
    if options or not values or not all(v.isascii() and v.isdigit() for v in values):
        raise StillframeError(
            f"device simserial:{address}: expected ?baud= with a number behind the board, got {query!r}",
            "name it simserial, simserial:icebreaker or simserial:?baud=12000000",
        )
    part = board.config().part
    if name and config.part != part:
        raise StillframeError(
            f"device simserial:{address}: expected an array with the memories of the board's part, {part}, "
            f"got {config.name}",
            f"run with --array {board.array}",
        )
    baud = int(values[0])
    try:
        phase_step(clock_hz, baud * (1 + DRIFT))
    except ValueError as error:
        raise StillframeError(
            f"device simserial:{address}: {error}", f"name another rate, for example ?baud={board.baud}"
        ) from error
    source = verilog.exported(
        lambda: BoardOnPins(config, clock_hz, baud, DRIFT),
        f"a board with {config.name}",
        f"{config!r} {clock_hz} {baud} {DRIFT}",
        status,
    )
    library = verilator.compile_model(source, verilog.TOP, False, status)
    return SimulatedSerial(SimTransport(library))
