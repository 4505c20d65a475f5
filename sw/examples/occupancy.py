"""Which cells of a fixed camera's picture are occupied: the networks of ``stillframe train occupancy``.

Both were trained on the first 600 frames of vtest.avi, one for its task alone, the other for temporal
sparsity too; docs/training.md says by which command. They are int8 already.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillframe.video.value_range import ValueRange

from .box import Box

VALUE_RANGE = ValueRange(0, 1)
FOLDER = Path(__file__).parent


def detect(outputs: Mapping[str, npt.NDArray[np.float32]], height: int, width: int) -> list[Box]:
    """Occupied places in a frame, one for each run of touching cells, the most certain first.

    Args:
        outputs: Real values: one output (rows, columns, 1) of logits; above 0 a cell is occupied.
        height, width: The model's input in pixels; not used, since the cells cover all of it.
    """
    import cv2

    (logits,) = (values[..., 0] for values in outputs.values())
    rows, columns = logits.shape
    occupied = (logits > 0).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(occupied, connectivity=8)
    found = []
    for label in range(1, count):
        left, top, across, down = (int(n) for n in boxes[label][:4])
        score = 1 / (1 + np.exp(-float(logits[labels == label].max())))
        found.append(
            Box(left / columns, top / rows, (left + across) / columns, (top + down) / rows, float(score))
        )
    return sorted(found, key=lambda box: -box.score)
