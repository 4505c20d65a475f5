"""Weights as training leaves them, without training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stillframe.frontend.quiet import quiet


def settle(model: keras.Model, frames: npt.NDArray[np.float32], seed: int) -> None:
    """Move a new model's weights to where activations neither die nor saturate on frames like these.

    Biases and slopes become small random numbers; batch norms get a scale and an offset of their own for each
    channel, and the frames' statistics. Kernels stay as they were initialised.

    Args:
        frames: As the model takes them, (frames, height, width, channels).
        seed: Of the weights.
    """
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape = tuple(variable.shape)
        match variable.path.split("/")[-1]:
            case "gamma":
                variable.assign(rng.uniform(0.5, 1.5, shape))
            case "beta":
                variable.assign(rng.normal(0.1, 0.4, shape))
            case "bias":
                variable.assign(rng.normal(0, 0.1, shape))
            case "alpha":
                variable.assign(rng.uniform(-0.1, 0.4, shape))
    for layer in _layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # one step takes the statistics over whole
    with quiet():
        model(frames, training=True)


def _layers(model: keras.Model) -> list[Any]:
    """The model's layers, those of models in it included."""
    return [
        inner
        for layer in model.layers
        for inner in (_layers(layer) if isinstance(layer, keras.Model) else [layer])
    ]
