"""A picture in characters: each is two pixels, one above the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stillframe.requirements import needs

with needs("rich"):
    from rich.color import Color
    from rich.color_triplet import ColorTriplet
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.segment import Segment
    from rich.style import Style

HALF = "\N{UPPER HALF BLOCK}"

DIM = 0.45
"""How bright the picture is under changed pixels."""

CHANGED = np.array([255, 90, 31], np.float32)
"""Red, green, blue of changed pixels."""


class Blocks:
    """A picture for the console.

    Args:
        image: RGB, uint8 (an even number of rows, columns, 3): a character for two rows.
    """

    def __init__(self, image: npt.NDArray[np.uint8]) -> None:
        self._image = image

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for upper, lower in zip(self._image[::2].tolist(), self._image[1::2].tolist(), strict=True):
            for above, below in zip(upper, lower, strict=True):
                yield Segment(HALF, Style(color=_color(above), bgcolor=_color(below)))
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = self._image.shape[1]
        return Measurement(width, width)


def _color(rgb: list[int]) -> Color:
    return Color.from_triplet(ColorTriplet(*rgb))


def size_within(height: int, width: int, lines: int, columns: int) -> tuple[int, int]:
    """Rows (even) and columns of pixels of the largest picture of an aspect that fits into characters.

    Args:
        height, width: Whose aspect it has.
        lines, columns: Characters that there are, at least 1 each.
    """
    share = min(2 * lines / height, columns / width)
    rows, across = max(2, round(height * share)), max(1, round(width * share))
    return min(2 * lines, rows + rows % 2), min(columns, across)


def resized(image: npt.NDArray[np.uint8], rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """A picture, RGB, uint8 (height, width, 3), brought to (rows, columns, 3) by area."""
    import cv2

    return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def overlaid(image: npt.NDArray[np.uint8], changed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture in dim grey, with changed pixels coloured.

    Args:
        image: RGB, uint8 (rows, columns, 3).
        changed: uint8, (height, width): the largest change of each pixel, 0 for none.

    Returns:
        As ``image``. Where one of its pixels stands for several of ``changed``, large changes count for more
        than many small ones.
    """
    import cv2

    rows, columns = image.shape[:2]
    alpha = np.where(changed > 0, np.minimum(0.9, 0.3 + changed / np.float32(50)), 0).astype(np.float32)
    shrinks = rows <= changed.shape[0] and columns <= changed.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    alpha = np.sqrt(cv2.resize(alpha**2, (columns, rows), interpolation=way))[..., np.newaxis]
    grey = image.mean(axis=-1, keepdims=True) * DIM
    return (grey * (1 - alpha) + CHANGED * alpha).astype(np.uint8)
