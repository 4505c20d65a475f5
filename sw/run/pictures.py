"""Small pictures of a clip's frames, for the report and the live view."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillframe.video.fit import crop

MOST = 240
"""Frames kept; a report of more would be slow to load."""

LARGEST = 480
"""Width or height of a picture in pixels, at most."""

QUALITY = 82


def seen(
    frame: npt.NDArray[np.uint8], input_shape: tuple[int, int, int], largest: int = LARGEST
) -> npt.NDArray[np.uint8]:
    """The part of a frame that the model sees, made smaller if it is larger than ``largest`` in a direction.

    Args:
        frame: RGB, uint8 (height, width, 3).
        input_shape: The model's (height, width, channels).
        largest: Width or height in pixels, at most.

    Returns:
        RGB, uint8 (height, width, 3).
    """
    import cv2

    rows, columns = crop(frame.shape[0], frame.shape[1], input_shape[0], input_shape[1])
    image = frame[rows, columns]
    share = largest / max(image.shape[:2])
    if share < 1:
        size = (max(1, round(image.shape[1] * share)), max(1, round(image.shape[0] * share)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return image


def jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    """A picture, RGB, uint8 (height, width, 3), as a JPEG file."""
    import cv2

    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    assert done, "OpenCV always encodes an 8-bit RGB image"
    return data.tobytes()


class Pictures:
    """JPEG pictures of the part of each frame that the model sees.

    Args:
        input_shape: The model's (height, width, channels).

    Attributes:
        jpegs: The first :data:`MOST` frames, encoded.
        size: (width, height) of the pictures.
    """

    def __init__(self, input_shape: tuple[int, int, int]) -> None:
        self._shape = input_shape
        self.jpegs: list[bytes] = []
        self.size = (0, 0)

    def add(self, frame: npt.NDArray[np.uint8]) -> None:
        """Keep a frame: RGB, uint8 (height, width, 3)."""
        if len(self.jpegs) >= MOST:
            return
        image = seen(frame, self._shape)
        self.size = (image.shape[1], image.shape[0])
        self.jpegs.append(jpeg(image))
