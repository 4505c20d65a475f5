"""The simulated design behind the byte-stream transport that a board has."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from amaranth.lib import wiring

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.driver.transport import Transport

from . import verilator, verilog
from .verilog import Status, quiet

CLOCK_HZ = 80_000_000
"""Clock by which a timeout in seconds becomes cycles: what an array reaches on an FPGA."""

PATIENCE_CYCLES = 50_000_000
"""Cycles without a byte after which a read without timeout gives up."""

CYCLES_PER_CALL = 1_000_000
"""Longest stay in the model, so that Ctrl-C is heard about once a second."""


class InvariantError(RuntimeError):
    """An ``Assert`` of the design failed: a fault of the hardware, whatever it was given."""


class SimTransport(Transport):
    """A native model of a byte-stream design, just powered on.

    The design runs only in :meth:`read` (and :meth:`run`), until the bytes asked for are there. Both raise
    :class:`InvariantError` when an assertion of the design fails.

    Args:
        library: What :func:`~stillframe.sim.verilator.compile_model` made.
        stall: Probability, 0 to below 1, that either side of either stream pauses in a cycle.
        seed: Of the pauses; the same seed gives the same cycles.
        trace: VCD file to write; the library must have been compiled for it.
        patience: Cycles without a byte after which a read without timeout gives up.

    Raises:
        StillframeError: ``library`` cannot be loaded.
    """

    def __init__(
        self,
        library: Path,
        *,
        stall: float = 0.0,
        seed: int = 0,
        trace: Path | None = None,
        patience: int = PATIENCE_CYCLES,
    ) -> None:
        self.patience = patience
        self._api = _load(library)
        self._design: int | None = self._api.stillframe_create(os.fsencode(trace) if trace else None)
        self.stall(stall, seed)

    @property
    def cycles(self) -> int:
        """Clock cycles since power-on."""
        return int(self._api.stillframe_cycles(self._open()))

    def write(self, data: bytes) -> None:
        """Queue bytes for the design, which takes them while it runs."""
        self._api.stillframe_write(self._open(), bytes(data), len(data))

    def read(self, n: int, timeout: float | None = None) -> bytes:
        """Run the design until it has sent ``n`` bytes; no cycle runs if they are there already.

        Args:
            n: Bytes wanted.
            timeout: Seconds of the design's time, at :data:`CLOCK_HZ`, to wait for the next byte;
                None for ``patience`` cycles, 0 for the bytes there already.

        Returns:
            ``n`` bytes, or those that came before the time was over.
        """
        limit = self.patience if timeout is None else round(timeout * CLOCK_HZ)
        there, waited = self._run(n, 0), 0
        while there < n and waited < limit:
            before, cycles = there, min(limit - waited, CYCLES_PER_CALL)
            there = self._run(n, cycles)
            waited = waited + cycles if there == before else 0
        buffer = ctypes.create_string_buffer(n)
        taken = self._api.stillframe_read(self._open(), buffer, n)
        return buffer.raw[:taken]

    def clock(self) -> float:
        """Seconds of the design's time since power-on, at :data:`CLOCK_HZ`."""
        return self.cycles / CLOCK_HZ

    def run(self, cycles: int) -> None:
        """Run the design for ``cycles`` cycles, whatever it sends."""
        for start in range(0, cycles, CYCLES_PER_CALL):
            self._run(2**63, min(CYCLES_PER_CALL, cycles - start))

    def reset(self) -> None:
        """Pulse the design's reset; bytes on their way, both ways, are lost, memories keep their content."""
        self._api.stillframe_reset(self._open())

    def stall(self, probability: float, seed: int = 0) -> None:
        """From now on let either side of either stream pause in a cycle with this probability."""
        if not 0 <= probability < 1:
            raise ValueError(f"stall: expected a probability from 0 to below 1, got {probability}")
        self._api.stillframe_stall(self._open(), seed, probability)

    def close(self) -> None:
        """End the simulation and complete its waveforms; a second time does nothing."""
        if self._design is not None:
            self._api.stillframe_destroy(self._design)
            self._design = None

    def _open(self) -> int:
        if self._design is None:
            raise StillframeError("simulation: expected an open one, this is closed", "open another")
        return self._design

    def _run(self, wanted: int, cycles: int) -> int:
        there = int(self._api.stillframe_run(self._open(), wanted, cycles))
        if self._api.stillframe_failed(self._open()):
            raise InvariantError(f"an assertion of the design failed in cycle {self.cycles}; it is printed")
        return there

    def __enter__(self) -> SimTransport:
        return self


def open_sim(
    config: ArrayConfig,
    *,
    stall: float = 0.0,
    seed: int = 0,
    trace: Path | None = None,
    on_status: Status | None = None,
) -> SimTransport:
    """Simulate the accelerator; the first time for an array takes a while, as ``on_status`` is told.

    Args:
        config: The array.
        stall, seed, trace: See :class:`SimTransport`.
        on_status: Takes lines that say what is being waited for.

    Raises:
        StillframeError: g++ or a Python package is missing, or the cache cannot be written.
    """
    status = on_status or quiet
    source = verilog.accelerator(config, status)
    library = verilator.compile_model(source, verilog.TOP, trace is not None, status)
    return SimTransport(library, stall=stall, seed=seed, trace=trace)


def open_component(
    component: wiring.Component, *, stall: float = 0.0, seed: int = 0, trace: Path | None = None
) -> SimTransport:
    """Simulate any component with the accelerator's ports: ``rx`` in and ``tx`` out, streams of bytes.

    Args:
        component: Has not been elaborated before.
        stall, seed, trace: See :class:`SimTransport`.
    """
    library = verilator.compile_model(verilog.export(component, "top"), "top", trace is not None)
    return SimTransport(library, stall=stall, seed=seed, trace=trace)


def _load(library: Path) -> ctypes.CDLL:
    try:
        api = ctypes.CDLL(str(library))
    except OSError as error:
        raise StillframeError(
            f"native model {library}: expected a library to load, got: {error}",
            "delete the file's folder to have it compiled again",
        ) from error
    handle, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("create", handle, [ctypes.c_char_p]),
        ("destroy", None, [handle]),
        ("reset", None, [handle]),
        ("stall", None, [handle, ctypes.c_uint64, ctypes.c_double]),
        ("write", None, [handle, ctypes.c_char_p, size]),
        ("run", size, [handle, size, ctypes.c_uint64]),
        ("read", size, [handle, ctypes.c_char_p, size]),
        ("failed", ctypes.c_bool, [handle]),
        ("cycles", ctypes.c_uint64, [handle]),
    ):
        function = getattr(api, f"stillframe_{name}")
        function.restype, function.argtypes = result, arguments
    return api
