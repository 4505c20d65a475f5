"""Small clips made on the spot."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest


@pytest.fixture
def video_file(tmp_path: Path) -> Path:
    """A lossless video of 5 frames, 32 x 24; frame k is filled with the value 40 * k."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "bgr0"
        for k in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((24, 32, 3), 40 * k, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """A folder of 3 images, 16 x 8; frame k is filled with the colour (10 * k, 0, 200)."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for k in range(3):
        image = np.zeros((8, 16, 3), np.uint8)
        image[:] = (200, 0, 10 * k)  # blue, green, red, as OpenCV writes them
        cv2.imwrite(str(folder / f"{k:03}.png"), image)
    (folder / "notes.txt").write_text("not a frame")
    return folder
