"""P-Net, the first stage of the face detector MTCNN, from the Python package mtcnn (MIT).

K. Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016.
Fully convolutional: each output pixel tells whether a cell of 12 x 12 input pixels, 2 apart, frames a face,
and how far the face's edges are off the cell's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.frontend.quiet import load_tensorflow, quiet
from stillframe.requirements import needs
from stillframe.video.value_range import ValueRange

from .box import Box, strongest

HEIGHT, WIDTH = 48, 60
"""Input in pixels. Found are faces about a cell large, a quarter of the frame's height."""

SMALL = 30, 40
"""Input for which the block RAM of an LFE5U-25F is enough: faces of two fifths of the frame's height."""

VALUE_RANGE = ValueRange(-1, 1)

CELL, STRIDE = 12, 2
THRESHOLD = 0.9
"""Probability from which a cell is taken for a face."""
OVERLAP = 0.1
"""Intersection over union from which the weaker of two boxes is dropped."""


def build(height: int = HEIGHT, width: int = WIDTH) -> Any:
    """The Keras model with its pretrained weights.

    Its input is (1, height, width, 3), its outputs are ``boxes`` and ``faces``.

    Raises:
        StillframeError: A package is not installed.
    """
    load_tensorflow()
    with needs("mtcnn"):
        import mtcnn
        from mtcnn.network.pnet import PNet
    with needs("joblib"):
        import joblib
    with needs("lz4"):
        import lz4.frame  # noqa: F401
    import keras

    with quiet():
        network = PNet()
        network.build(input_shape=(None, None, None, 3))
        network.set_weights(joblib.load(Path(mtcnn.__file__).parent / "assets" / "weights" / "pnet.lz4"))
        image = keras.Input((height, width, 3), batch_size=1, name="image")
        boxes, faces = network(image)
        return keras.Model(image, {"boxes": boxes, "faces": faces}, name="pnet")


def detect(outputs: Mapping[str, npt.NDArray[np.float32]], height: int, width: int) -> list[Box]:
    """Faces in a frame, the most probable first.

    Args:
        outputs: Real values: one output (rows, columns, 2) with probabilities of no face and face, and one
            (rows, columns, 4) with the left, top, right, bottom edges' offsets in cells.
        height, width: The model's input in pixels.
    """
    by_channels = {values.shape[-1]: values for values in outputs.values()}
    faces, boxes = by_channels[2][..., 1], by_channels[4]
    rows, columns = np.nonzero(faces > THRESHOLD)
    corner = np.stack([columns, rows, columns, rows], axis=1) * STRIDE + np.array([0, 0, CELL, CELL])
    edges = (corner + boxes[rows, columns] * CELL) / np.array([width, height, width, height])
    found = np.column_stack([edges, faces[rows, columns]]).tolist()
    return strongest([Box(*values) for values in found], OVERLAP)
