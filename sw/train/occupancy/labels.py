"""Which cells of a fixed camera's picture are occupied, told from the clip by background subtraction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.requirements import needs

ROWS, COLUMNS = 9, 12
"""Cells of the map; 64 pixels wide and high in a picture of 768 x 576."""

CELL = 32
"""Width and height of a cell in the pictures that are looked at, in pixels."""

HEIGHT, WIDTH = ROWS * CELL, COLUMNS * CELL

BACKGROUND_FRAMES = 80
"""The background is the median of at most about twice so many frames, spread over the clip."""

DIFFERENCE = 22
"""Grey levels by which what is in front differs from the background."""

CLOSING = (9, 5)
"""Height and width of the gaps that are closed, in pixels: people are upright."""

SMALLEST = 120
"""Pixels of a blob; smaller ones are noise."""

COVER = 0.12
"""Share of a cell that blobs cover if it is occupied."""

OCCUPIED = (0.002, 0.5)
"""Share of occupied cells over a clip of a fixed camera in front of which something happens."""

MOVING = 0.15
"""Share of a frame's pixels that differ from the background if the camera moves, in half of the frames."""


def occupancy(pictures: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.uint8]:
    """Occupied cells of every frame.

    What differs from the median of the clip is in front; it is blurred a little, closed, and blobs that are
    large enough count in the cells that they cover.

    Args:
        pictures: Grey, uint8 (frames, 288, 384).
        name: Of the clip, for messages.

    Returns:
        uint8 (frames, 9, 12), 1 where a cell is occupied.

    Raises:
        StillframeError: The camera moves, or next to nothing or too much is in front of it.
    """
    background = np.median(pictures[:: max(1, len(pictures) // BACKGROUND_FRAMES)], axis=0)
    masks = _in_front(pictures, background.astype(np.float32))
    maps = np.empty((len(pictures), ROWS, COLUMNS), np.uint8)
    different = np.empty(len(pictures))
    for i, (all_different, blobs) in enumerate(masks):
        different[i] = all_different.mean()
        maps[i] = blobs.reshape(ROWS, CELL, COLUMNS, CELL).mean((1, 3)) > COVER
    _check(name, float(np.median(different)), float(maps.mean()))
    return maps


def _in_front(
    pictures: npt.NDArray[np.uint8], background: npt.NDArray[np.float32]
) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]]:
    """For every frame, the pixels that differ from the background, and those of its blobs."""
    with needs("opencv-python-headless"):
        import cv2

    for picture in pictures:
        difference = cv2.GaussianBlur(np.abs(picture - background), (5, 5), 0)
        different = (difference > DIFFERENCE).astype(np.uint8)
        closed = cv2.morphologyEx(different, cv2.MORPH_CLOSE, np.ones(CLOSING, np.uint8))
        _, labels, statistics, _ = cv2.connectedComponentsWithStats(closed)
        large = statistics[:, cv2.CC_STAT_AREA] >= SMALLEST
        large[0] = False  # the background
        yield different, large[labels]


def _check(name: str, different: float, occupied: float) -> None:
    low, high = OCCUPIED
    if different > MOVING or occupied > high:
        raise StillframeError(
            f"clip {name}: expected a fixed camera, where at most {high:.0%} of the cells are occupied, got "
            f"{occupied:.0%} of them and {different:.0%} of the pixels different from the background",
            "choose a clip whose camera stands still, for example vtest",
        )
    if occupied < low:
        raise StillframeError(
            f"clip {name}: expected at least {low:.1%} of the cells occupied, got {occupied:.1%}: "
            "nothing moves in front of the camera",
            "choose a clip in which something happens, for example vtest",
        )
