"""Models in floating point, Keras's and SavedModels: what they want as input, and how they become int8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.frontend import from_keras, from_saved_model
from stillframe.frontend.graph import Graph
from stillframe.video import ValueRange

NOISE_FRAMES = 8
"""Frames of noise that stand for a clip where only shapes matter."""


@dataclass(frozen=True)
class FloatModel:
    """A model that is to be calibrated.

    Attributes:
        input_shape: (height, width, channels) of a frame.
        value_range: What pixels 0 and 255 stand for, as far as the model tells.
        why: How that is known.
        convert: Makes the int8 network from frames as the model takes them, float32 (frames, height, width,
            channels), and the border between host and device that was asked for.
    """

    input_shape: tuple[int, int, int]
    value_range: ValueRange
    why: str
    convert: Callable[[npt.NDArray[np.float32], str], Graph]

    def noise(self) -> npt.NDArray[np.uint8]:
        """Frames of noise, the same ones every time, uint8 (NOISE_FRAMES, height, width, channels)."""
        return np.random.default_rng(0).integers(0, 256, (NOISE_FRAMES, *self.input_shape), np.uint8)


def keras_model(model: Any, spec: str, name: str) -> FloatModel:
    """A Keras model that is loaded.

    Args:
        model: The model.
        spec: What the user called it, for messages.
        name: What reports call it.

    Raises:
        StillframeError: It has not one input of fixed height, width and channels.
    """
    if len(model.inputs) != 1:
        raise StillframeError(
            f"model {spec}: expected one input, got {len(model.inputs)}",
            "split the model so that frames are its input",
        )
    shape = _frame_shape(
        model.inputs[0].shape[1:], spec, "build it with keras.Input((height, width, channels))"
    )
    if _begins_with_rescaling(model):
        value_range, why = ValueRange(0, 255), "the model rescales its input itself"
    else:
        value_range, why = ValueRange(0, 1), "taken for Keras models without a Rescaling layer"
    return FloatModel(
        shape, value_range, why, lambda frames, split: from_keras(model, frames, name, split=split)
    )


def keras_file(path: Path) -> FloatModel:
    """A Keras file; a network with Delta Activation Layers becomes the plain one that they stand for.

    Raises:
        StillframeError: Keras cannot load it, or as for :func:`keras_model`.
    """
    from stillframe.frontend.keras_reader import load_keras
    from stillframe.frontend.quiet import quiet

    with quiet():
        from stillframe.train import DeltaActivation, export

    model = load_keras(path)
    if any(isinstance(layer, DeltaActivation) for layer in model.layers):
        try:
            with quiet():
                model = export(model)
        except ValueError as error:
            raise StillframeError(
                f"model {path}: expected Delta Activation Layers as stillframe.train.sparsify places them, "
                f"got: {error}",
                "see docs/training.md",
            ) from error
    return keras_model(model, str(path), path.stem)


def saved_model(path: Path) -> FloatModel:
    """A SavedModel folder.

    Raises:
        StillframeError: TensorFlow cannot load it, or its input is not of fixed height, width and channels.
    """
    from stillframe.frontend.saved_model import load_saved_model

    model = load_saved_model(path)
    return FloatModel(
        input_shape=_frame_shape(model.shape, str(path), "export it with a fixed input shape"),
        value_range=ValueRange(0, 1),
        why="taken for SavedModels, which do not tell",
        convert=lambda frames, split: from_saved_model(model, frames, path.resolve().name, split=split),
    )


def _frame_shape(shape: tuple[int | None, ...], spec: str, hint: str) -> tuple[int, int, int]:
    fixed = tuple(n for n in shape if n is not None)
    if len(shape) != 3 or len(fixed) != 3:
        raise StillframeError(
            f"model {spec}: expected an input of fixed height, width and channels, got shape {tuple(shape)}",
            hint,
        )
    return fixed[0], fixed[1], fixed[2]


def _begins_with_rescaling(model: Any) -> bool:
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            return _begins_with_rescaling(layer)
        return isinstance(layer, keras.layers.Rescaling)
    return False
