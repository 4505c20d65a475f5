"""How much the pixels of the input changed from frame to frame of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.run.changes import Changes


def changes(
    codes: Iterable[npt.NDArray[Any]], threshold: int, step: float = 1
) -> Iterator[npt.NDArray[np.uint8]]:
    """For each frame and pixel the largest change that a channel sent.

    See :class:`~stillframe.run.changes.Changes`.

    Args:
        codes: Input codes, (height, width, channels) a frame, as multiples of ``step``.
        threshold: In codes.
        step: What one code stands for.

    Yields:
        uint8, (height, width).
    """
    changed = Changes(threshold, step)
    for frame in codes:
        yield changed.send(frame)
