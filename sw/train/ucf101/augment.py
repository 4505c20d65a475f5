"""Augmentation that is the same for all frames of a clip, so that what stands still stays still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.requirements import needs

AREA = (0.4, 1.0)
"""Share of the frame that a crop covers."""

ASPECT = (3 / 4, 4 / 3)
"""Width to height of a crop."""

BRIGHTNESS = (0.8, 1.2)
TRIES = 10


@dataclass(frozen=True)
class Augmentation:
    """What happens to every frame of a clip.

    Attributes:
        rows, columns: Of the crop, (first, last + 1) in pixels.
        flip: Whether left and right are exchanged.
        brightness: Factor on all pixels; they stay within 0 to 255.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    flip: bool
    brightness: float

    def apply(self, frames: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
        """Crop (frames, height, width, 3), scale to (frames, size, size, 3), flip, brighten."""
        with needs("opencv-python-headless"):
            import cv2

        crops = frames[:, slice(*self.rows), slice(*self.columns)]
        shrinks = min(crops.shape[1:3]) >= size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        scaled = np.stack(
            [cv2.resize(np.ascontiguousarray(c), (size, size), interpolation=how) for c in crops]
        )
        levels = np.clip(np.rint(np.arange(256) * self.brightness), 0, 255).astype(np.uint8)
        return levels[scaled[:, :, ::-1] if self.flip else scaled]


def draw(random: np.random.Generator, height: int, width: int) -> Augmentation:
    """Draw an augmentation for frames of this size.

    The crop is the random resized crop of Inception (Szegedy et al., arXiv 1409.4842): area and aspect are
    drawn until the crop fits into the frame; if it does not in 10 tries, it is the middle square.
    """
    side = min(height, width)
    rows, columns = _centred(height, side), _centred(width, side)
    for _ in range(TRIES):
        area = random.uniform(*AREA) * height * width
        aspect = np.exp(random.uniform(*np.log(ASPECT)))
        h, w = round(np.sqrt(area / aspect)), round(np.sqrt(area * aspect))
        if 0 < h <= height and 0 < w <= width:
            top, left = (int(random.integers(0, room + 1)) for room in (height - h, width - w))
            rows, columns = (top, top + h), (left, left + w)
            break
    return Augmentation(rows, columns, bool(random.random() < 0.5), float(random.uniform(*BRIGHTNESS)))


def _centred(length: int, part: int) -> tuple[int, int]:
    first = (length - part) // 2
    return first, first + part
