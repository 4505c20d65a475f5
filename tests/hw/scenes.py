"""Frames that are hard on a delta accelerator."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.int8]


def hard_frames(shape: tuple[int, int, int], seed: int) -> Frames:
    """Noise, a still frame, everything from -128 to 127 and back, one change in each corner and at each
    border, small and large changes, and a cut. The first frame is noise; int8, (frames, height, width,
    channels)."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    noise = rng.integers(-128, 128, shape, np.int8)
    low, high = np.full(shape, -128, np.int8), np.full(shape, 127, np.int8)
    frames = [noise, noise, low, high, low]
    spots = [(y, x) for y in (0, height // 2, height - 1) for x in (0, width // 2, width - 1)]
    for number, (y, x) in enumerate(spots):
        frame = frames[-1].copy()
        frame[y, x, number % channels] ^= -1
        frames.append(frame)
    wobble = np.clip(noise.astype(int) + rng.integers(-4, 5, shape), -128, 127).astype(np.int8)
    frames += [noise, wobble, wobble, rng.integers(-128, 128, shape, np.int8)]
    return np.stack(frames)
