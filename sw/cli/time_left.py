"""Progress of work that takes hours: where there is no live bar, a line with the time left now and then."""

from __future__ import annotations

import time

from rich.console import Console

from .terminal import Terminal

LINE_SECONDS = 30.0
"""From line to line."""


class TimeLeft(Terminal):
    """As :class:`.terminal.Terminal`, whose live bar has the time left.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._total: int | None = None
        self._last_line = 0.0

    def stage(self, text: str, total: int | None = None) -> None:
        """Finish the stage before with a line, and begin one."""
        super().stage(text, total)
        self._total, self._last_line = total, time.monotonic()

    def advance(self, note: str = "") -> None:
        """One step of the stage is done."""
        super().advance(note)
        now = time.monotonic()
        if self._bar or not self._total or now - self._last_line < LINE_SECONDS:
            return
        self._last_line = now
        left = (now - self._began) * (self._total - self._done) / self._done
        note = f", {note}" if note else ""
        self.say(f"{self._done:,} of {self._total:,}{note}, {duration(left)} left")


def duration(seconds: float) -> str:
    """As 2:05:09 or 5:09."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
