"""How much the pixels of the input changed: the delta encoder's rule, for pictures only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt


def changes(
    codes: Iterable[npt.NDArray[Any]], threshold: int, step: float = 1
) -> Iterator[npt.NDArray[np.uint8]]:
    """For each frame and pixel the largest change that a channel sent: 0 if none did.

    A channel is sent if it differs by more than ``threshold`` codes from the value last sent. All of the
    first frame counts as sent, with the largest change that there is.

    Args:
        codes: Input codes, (height, width, channels) a frame, as multiples of ``step``.
        threshold: In codes.
        step: What one code stands for.

    Yields:
        uint8, (height, width).
    """
    sent: npt.NDArray[np.int16] | None = None
    for frame in codes:
        new = np.rint(frame / step).astype(np.int16)
        if sent is None:
            sent = new
            yield np.full(new.shape[:2], 255, np.uint8)
            continue
        distance = np.abs(new - sent)
        distance[distance <= threshold] = 0
        sent = np.where(distance > 0, new, sent)
        yield distance.max(axis=-1).astype(np.uint8)
