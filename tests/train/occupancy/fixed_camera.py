"""A fixed camera's clip whose truth is known: rectangles move over a still, textured background."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH, CELL = 144, 192, 16
COVER = 0.12
"""Share of a cell that a rectangle covers if the cell is occupied."""


def scene(frames: int, moving: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Frames, uint8 (frames, 144, 192, 3), and occupied cells, bool (frames, 9, 12)."""
    random = np.random.default_rng(5)
    texture = cv2.GaussianBlur(random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.float32), (5, 5), 0)
    pictures = np.repeat(texture[np.newaxis], frames, axis=0)
    pictures += random.normal(0, 1, pictures.shape)
    truth = np.zeros((frames, HEIGHT, WIDTH), np.float32)
    for number in range(frames if moving else 0):
        for top, speed, grey in ((20, 3, 200), (84, -2, 55)):
            left = (speed * number) % WIDTH
            pictures[number, top : top + 40, left : left + 18] = grey
            truth[number, top : top + 40, left : left + 18] = 1
    cells = truth.reshape(frames, 9, CELL, 12, CELL).mean((2, 4)) > COVER
    return np.clip(pictures, 0, 255).astype(np.uint8), cells


def write_folder(folder: Path, pictures: np.ndarray) -> Path:
    """Write frames as images, and give the folder back."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:04}.png"), picture[..., ::-1])
    return folder
