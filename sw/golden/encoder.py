"""The delta encoder: what consumers of a tensor see, frame after frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillframe.frontend.graph import Int8


class DeltaEncoder:
    """Sends an element only if it differs by more than the threshold from the value last sent.

    Args:
        zero_point: What counts as last sent in a key frame.
        threshold: In codes; a key frame has 0.
    """

    def __init__(self, zero_point: int, threshold: int) -> None:
        self.zero_point = zero_point
        self.threshold = threshold
        self._last: Int8 | None = None

    def encode(self, codes: Int8, key: npt.NDArray[np.bool_]) -> tuple[Int8, Int8]:
        """Encode the next frames.

        Args:
            codes: int8, (frames, ...).
            key: bool, (frames,): frames computed from scratch. The very first must be one.

        Returns:
            The values last sent after each frame and before it, both as ``codes``. Elements in which they
            differ were sent in that frame.
        """
        after = codes.copy()
        before = np.empty_like(codes)
        last = self._last
        for i, is_key in enumerate(key):
            if is_key:
                before[i] = self.zero_point
            else:
                if last is None:
                    raise ValueError("expected a key frame first, got another")
                before[i] = last
                if self.threshold:
                    small = np.abs(codes[i].astype(np.int16) - last) <= self.threshold
                    after[i] = np.where(small, last, codes[i])
            last = after[i]
        self._last = None if last is None else last.copy()
        return after, before
