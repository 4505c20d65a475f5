"""Bringing a frame to a model's size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.requirements import needs


def crop(height: int, width: int, to_height: int, to_width: int) -> tuple[slice, slice]:
    """Rows and columns of the largest part, about the centre, that has the aspect to_width : to_height."""
    rows = min(height, max(1, round(width * to_height / to_width)))
    columns = min(width, max(1, round(height * to_width / to_height)))
    top, left = (height - rows) // 2, (width - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def fit(frame: npt.NDArray[np.uint8], height: int, width: int, channels: int) -> npt.NDArray[np.uint8]:
    """Crop a frame to the model's aspect about the centre, resize it by area, convert its channels.

    Args:
        frame: RGB, uint8 (any height, any width, 3).
        height, width, channels: The model's input; 1 channel is grey (Rec. 601), 3 are RGB.

    Returns:
        uint8, (height, width, channels).

    Raises:
        StillframeError: The model takes another number of channels.
    """
    with needs("opencv-python-headless"):
        import cv2

    if channels not in (1, 3):
        raise StillframeError(
            f"model input: expected 1 channel (grey) or 3 (RGB) to feed it a clip, got {channels}",
            "run such a model from Python, with codes of your own (see README, Python)",
        )
    rows, columns = crop(frame.shape[0], frame.shape[1], height, width)
    image = cv2.resize(frame[rows, columns], (width, height), interpolation=cv2.INTER_AREA)
    if channels == 1:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return image.reshape(height, width, channels).astype(np.uint8, copy=False)
