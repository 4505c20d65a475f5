"""A fixed camera's clip as frames with occupancy maps, the first part to train, the rest to test."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.run.progress import Progress, Silent
from stillframe.video import Clip, ValueRange, fit

from . import labels

HEIGHT, WIDTH = 72, 96
"""Of the network's input, in pixels; a cell is 8 x 8 of them."""

VALUE_RANGE = ValueRange(0, 1)
"""Of the network's input."""

FEWEST, MOST = 100, 4000
"""Frames: fewer are too few to train with, later ones are left out."""

TRAIN_SHARE = 0.75
TRAIN_FRAMES = {"vtest": 600}
"""Frames to train with, of clips for which that is settled; of others a share."""


@dataclass(frozen=True)
class Part:
    """Consecutive frames.

    Attributes:
        frames: Grey, float32 (frames, 72, 96, 1), 0 to 1: what the driver feeds the accelerator, before the
            rounding to codes.
        maps: float32 (frames, 9, 12, 1), 1 where a cell is occupied.
    """

    frames: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class Dataset:
    """The two parts of a clip; ``test`` begins with frame ``len(train)``."""

    name: str
    train: Part
    test: Part


def load(clip: Clip, progress: Progress | None = None) -> Dataset:
    """Read a clip and label it.

    Raises:
        StillframeError: The clip cannot be read or is too short, the camera moves, or nothing happens.
    """
    progress = progress or Silent()
    progress.stage(f"reading {clip.name}", clip.frames)
    inputs, pictures = [], []
    for frame in islice(clip, MOST):
        inputs.append(fit(frame, HEIGHT, WIDTH, 1))
        pictures.append(fit(frame, labels.HEIGHT, labels.WIDTH, 1)[..., 0])
        progress.advance()
    if len(inputs) < FEWEST:
        raise StillframeError(
            f"clip {clip.name}: expected at least {FEWEST} frames to train and test with, got {len(inputs)}",
            "choose a longer clip, for example vtest",
        )
    maps = labels.occupancy(np.stack(pictures), clip.name)[..., np.newaxis].astype(np.float32)
    frames = VALUE_RANGE.values(np.stack(inputs))
    count = TRAIN_FRAMES.get(clip.name, int(len(frames) * TRAIN_SHARE))
    return Dataset(clip.name, Part(frames[:count], maps[:count]), Part(frames[count:], maps[count:]))
