"""The log: a JSON object a line, one line a frame, whole lines only."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stillframe.contract import StillframeError

from .subject import Subject
from .views import Lost, Totals, View

SCHEMA = "stillframe.live/1"
"""Version of the lines."""


class Log:
    """Writes a line when there is one; nothing is held back.

    Args:
        path: A file there already is replaced.

    Raises (all methods):
        StillframeError: The file cannot be written; what is there of the line is taken back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("wb", buffering=0)
            self._regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)  # and not a pipe
        except OSError as error:
            raise self._failure(error) from error

    def begin(self, subject: Subject) -> None:
        """The first line: what is watched."""
        self._line(
            {
                "schema": SCHEMA,
                "model": subject.program.model,
                "clip": subject.clip,
                "device": subject.device,
                "clock_hz": subject.clock_hz,
                "array": subject.program.config.name,
                "mode": subject.mode,
                "threshold": subject.threshold,
            }
        )

    def add(self, frame: View | Lost) -> None:
        """A frame's line."""
        link = vars(frame.link) | {"dropped": frame.totals.dropped}
        common = {"frame": frame.number, "time": round(frame.time, 4)}
        if isinstance(frame, Lost):
            self._line(common | {"lost": frame.message, "link": link})
            return
        self._line(
            common
            | {
                "key": frame.result.key,
                "cycles": frame.cycles,
                "macs_dense": frame.macs_dense,
                "macs_issued": frame.macs_issued,
                "changed": round(frame.changed_share, 6),
                "bytes_sent": frame.result.bytes_sent,
                "bytes_received": frame.result.bytes_received,
                "outputs": [output.as_json() for output in frame.outputs],
                "link": link,
            }
        )

    def end(self, why: str, totals: Totals) -> None:
        """The last line."""
        self._line({"end": why, "frames": totals.frames, "lost": totals.lost, "dropped": totals.dropped})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _line(self, value: dict[str, Any]) -> None:
        data = json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        start = self._file.tell() if self._regular else None
        try:
            while data:  # less than all is written where the disk is full; the next byte then says so
                data = data[self._file.write(data) :]
        except (OSError, KeyboardInterrupt) as error:
            if start is not None:
                os.truncate(self._path, start)
            if isinstance(error, OSError):
                raise self._failure(error) from error
            raise

    def _failure(self, error: OSError) -> StillframeError:
        return StillframeError(
            f"--log {self._path}: expected a file to write to, got: {error.strerror}",
            "choose a place that you may write to and that has room",
        )
