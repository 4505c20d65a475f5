"""Single 3 x 3 convolutions, and frames of which exactly so much changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.frontend import from_keras
from stillframe.frontend.graph import Graph
from stillframe.frontend.quiet import load_tensorflow

SEED = 1
"""Of weights and frames: they are the same in every run."""

KERNEL = 3


def convolution(channels: int, size: int) -> Graph:
    """A convolution of 3 x 3, SAME, with ReLU, from ``channels`` to as many, over ``size`` x ``size`` pixels.

    It is converted by TensorFlow, as any model is, for inputs of 0 to 1.
    """
    keras = load_tensorflow().keras
    keras.utils.set_random_seed(SEED)
    image = keras.Input((size, size, channels), name="image")
    layer = keras.layers.Conv2D(channels, KERNEL, padding="same", activation="relu", name="convolution")
    model = keras.Model(image, layer(image))
    calibration = np.random.default_rng(SEED).random((8, size, size, channels), np.float32)
    calibration.flat[:2] = 0, 1
    return from_keras(model, calibration, f"conv-{channels}")


def frames(graph: Graph, density: float, count: int) -> npt.NDArray[Any]:
    """Frames as behind a ReLU: half of the first one's values are zero.

    From frame to frame a share ``density`` of the values, at random places, changes: what was zero becomes
    something, and the other way round, so that some half of them stays zero.

    Returns:
        int8 (count, height, width, channels), the input's codes.
    """
    random = np.random.default_rng(SEED)
    size, zero = int(np.prod(graph.frame.shape)), graph.frame.zero_point
    something = np.array([code for code in range(-128, 128) if code != zero], np.int8)
    frame = np.full(size, zero, np.int8)
    found = []
    for index in range(count):
        places = random.permutation(size)[: round((density if index else 0.5) * size)]
        drawn = random.choice(something, len(places))
        frame[places] = np.where(frame[places] == zero, drawn, np.int8(zero))
        found.append(frame.reshape(graph.frame.shape).copy())
    return np.stack(found)
