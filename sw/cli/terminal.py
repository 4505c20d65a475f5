"""Progress on the terminal: a live bar, or plain lines where the output is not a terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from stillframe.requirements import needs

with needs("rich"):
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )


PLAIN_WIDTH = 140
"""Columns of a table where the output is not a terminal."""


def make_console() -> Console:
    """The console on standard output."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


class Terminal:
    """Shows what the job does; see :class:`stillframe.run.progress.Progress`.

    Args:
        console: Where to; a live bar is shown only on a terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=28),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
        self._task: TaskID | None = None
        self._text = ""
        self._note = ""
        self._done = 0
        self._began = 0.0

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish(whole=kind is None)
        if self._bar:
            self._bar.stop()

    def stage(self, text: str, total: int | None = None) -> None:
        """Finish the stage before with a line, and begin one."""
        self._finish(whole=True)
        self._text, self._note, self._done, self._began = text, "", 0, time.monotonic()
        if self._bar:
            self._task = self._bar.add_task(text, total=total, note="")
        else:
            self.console.print(f"{text} ...", markup=False, highlight=False, soft_wrap=True)

    def advance(self, note: str = "") -> None:
        """One step of the stage is done."""
        self._done += 1
        self._note = note
        if self._bar and self._task is not None:
            self._bar.update(self._task, advance=1, note=note)

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)

    def _finish(self, whole: bool) -> None:
        if not self._text:
            return
        if self._bar and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        if whole:
            seconds = time.monotonic() - self._began
            count = f" {self._done}" if self._done else ""
            note = f", {self._note}" if self._note else ""
            text = f"{count} done in {seconds:.1f} s{note}"
            if self._bar:
                self.console.print(f"[green]\N{CHECK MARK}[/] {escape(self._text)}:{text}", highlight=False)
            elif self._done or seconds >= 1:
                self.say(text.strip())
        self._text = ""
