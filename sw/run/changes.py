"""Which pixels of the input a frame sends: the delta encoder's rule, for pictures only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Changes:
    """What was last sent of each value, as the delta encoder keeps it.

    A channel is sent if it differs by more than ``threshold`` codes from the value last sent. A frame that is
    computed from scratch sends all of them.

    Args:
        threshold: In codes.
        step: What one code stands for.
    """

    def __init__(self, threshold: int, step: float = 1) -> None:
        self._threshold = threshold
        self._step = step
        self._sent: npt.NDArray[np.int16] | None = None

    def send(self, frame: npt.NDArray[Any], key: bool = False) -> npt.NDArray[np.uint8]:
        """Send a frame.

        Args:
            frame: Input codes, (height, width, channels), as multiples of ``step``.
            key: It is computed from scratch; the first one always is.

        Returns:
            uint8, (height, width): the largest change that a channel of the pixel sent, 0 if none did; 255
            everywhere if the frame is computed from scratch.
        """
        new = np.rint(frame / self._step).astype(np.int16)
        if self._sent is None or key:
            self._sent = new
            return np.full(new.shape[:2], 255, np.uint8)
        distance = np.abs(new - self._sent)
        distance[distance <= self._threshold] = 0
        self._sent = np.where(distance > 0, new, self._sent)
        return distance.max(axis=-1).astype(np.uint8)
