"""Ctrl-C and SIGTERM, heard between frames."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)

SAME = 0.5
"""Seconds within which another signal is the same wish: make, for one, sends its own after the terminal's."""


class Stop:
    """Whether the user wants an end.

    Until :attr:`gently` is set, a signal is a ``KeyboardInterrupt`` at once, SIGTERM as well. After that the
    first one only sets :attr:`requested`, so that the frame under way comes through; a second one, half a
    second later or more, does not wait for it.

    Attributes:
        gently: Whether there is something that a signal must not tear apart.
        requested: Whether a signal has come.
    """

    def __init__(self) -> None:
        self.gently = False
        self.requested = False
        self._heard = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.requested

    def __enter__(self) -> Self:
        """Take the signals over; outside the main thread, where Python hears none, do nothing."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        # No lock may be taken here: the thread that holds it may be the one that was interrupted.
        now = time.monotonic()
        if not self.gently or (self.requested and now - self._heard > SAME):
            self.requested = True
            raise KeyboardInterrupt
        if not self.requested:
            self.requested, self._heard = True, now
