"""Frames of a source that does not wait: always the newest, and how many were dropped for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]

POLL = 0.1
"""Seconds between two looks whether an end is wanted, while no frame comes."""

PATIENCE = 2.0
"""Seconds that a source is given to come to an end; one that hangs is left to the end of the process."""


class Newest:
    """Reads a source in a thread of its own and keeps its newest frame only.

    Args:
        source: Yields frames; closed in that thread.
        stop: Whether an end is wanted; asked ten times a second.

    Attributes:
        dropped: Frames that came while one was computed and were overtaken by a newer one.
    """

    def __init__(self, source: Generator[Frame, None, None], stop: Callable[[], bool]) -> None:
        self.dropped = 0
        self._source, self._stop = source, stop
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self._ended = self._closed = False
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame, when there is one that was not given yet, until the source ends.

        Raises:
            StillframeError: The source failed.
        """
        while True:
            with self._changed:
                while self._frame is None and not self._ended and not self._stop():
                    self._changed.wait(POLL)
                frame, self._frame = self._frame, None
            if frame is None:
                if self._error:
                    raise self._error
                return
            yield frame

    def close(self) -> None:
        """Let go of the source."""
        self._closed = True
        self._thread.join(PATIENCE)

    def _read(self) -> None:
        try:
            for frame in self._source:
                if self._closed:
                    break
                with self._changed:
                    self.dropped += self._frame is not None
                    self._frame = frame
                    self._changed.notify()
        except BaseException as error:
            self._error = error
        finally:
            self._source.close()
            with self._changed:
                self._ended = True
                self._changed.notify()

    def __enter__(self) -> Newest:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
