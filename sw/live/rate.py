"""Frames a second, as of now."""

from __future__ import annotations

from collections import deque

FRAMES = 32
"""Frames that the rate is a mean over, at most."""

SECONDS = 3.0
"""Frames further back are left out, so that the rate follows what happens."""


class Rate:
    """Counts events by the wall clock; keeps the times of the last few."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=FRAMES)

    def add(self, now: float) -> float | None:
        """An event, at ``now`` seconds of any clock that does not go back.

        Returns:
            Events a second; None until there are two.
        """
        self._times.append(now)
        while len(self._times) > 2 and now - self._times[0] > SECONDS:
            self._times.popleft()
        passed = now - self._times[0]
        return (len(self._times) - 1) / passed if passed > 0 else None
