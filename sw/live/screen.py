"""The view on the terminal; plain lines where the output is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from stillframe.requirements import needs

from .layout import Layout
from .lines import line
from .views import Lost, View

with needs("rich"):
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

PER_SECOND = 8
"""Times that the terminal is drawn; frames in between are not shown."""

LINE_SECONDS = 1.0
"""From line to line where the output is no terminal."""


class Screen:
    """Shows frames as they come.

    Args:
        console: Where to.
        title, how: Lines that say what is watched, and how it runs.
        url: Of the page, if there is one.
        stop: Whether an end is wanted already.
    """

    def __init__(
        self,
        console: Console,
        title: str,
        how: str,
        url: str | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.console = console
        self._layout = Layout(title, how)
        self._url, self._stop, self._ended = url, stop, False
        self._frame: View | None = None
        self._lost: Lost | None = None
        self._last_line = -LINE_SECONDS
        self._live = None
        if console.is_terminal:
            self._live = Live(
                console=console,
                get_renderable=self._drawn,
                refresh_per_second=PER_SECOND,
                vertical_overflow="crop",
            )

    def show(self, frame: View | Lost) -> None:
        """A frame; drawn when it is time, or as a line if a second has passed since the last one."""
        if isinstance(frame, View):
            self._frame = frame
        else:
            self._lost = frame
        if self._live:
            return
        now = time.monotonic()
        if isinstance(frame, Lost) or now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            self._say(line(frame))

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        else:
            self._say(self._layout.title)
            self._say(self._layout.how)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if self._live:
            self._live.stop()

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _drawn(self) -> RenderableType:
        if self._frame is None:
            return Text("waiting for the first frame; Ctrl-C ends", style="dim")
        return self._layout.draw(self.console, self._frame, self._lost, self._hint())

    def _hint(self) -> str:
        if self._ended:
            return ""
        if self._stop():
            return "ending after this frame; Ctrl-C again does not wait"
        return f"{self._url}  Ctrl-C ends" if self._url else "Ctrl-C ends"
