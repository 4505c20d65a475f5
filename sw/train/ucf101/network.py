"""The network to train: a backbone by name, or any Keras model of the right form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from stillframe.contract import StillframeError
from stillframe.frontend.quiet import quiet
from stillframe.train.backbones import BACKBONES, build

from .settings import Config

LEAST_SIZE = 32
"""Of the backbones of keras.applications."""


def load_network(config: Config, classes: int) -> Any:
    """Frames from 0 to 1 (None, size, size, 3) to logits (None, classes).

    Raises:
        StillframeError: There is no such backbone or file, or its model has another form.
    """
    if config.backbone in BACKBONES:
        if config.size < LEAST_SIZE:
            raise StillframeError(
                f"--size {config.size}: expected {LEAST_SIZE} or more for {config.backbone}, got less",
                "give a larger one",
            )
        return build(config.backbone, classes, config.size, config.weights)
    path = Path(config.backbone)
    if path.suffix != ".keras" or not path.is_file():
        raise StillframeError(
            f"--backbone {config.backbone}: expected {' or '.join(BACKBONES)}, or a .keras file, "
            "found nothing of that name",
            "check the name or the path",
        )
    try:
        with quiet():
            model = keras.models.load_model(path, compile=False)
    except Exception as error:  # of many kinds, from h5py, zipfile and Keras
        raise StillframeError(
            f"--backbone {path}: expected a Keras model, got: {' '.join(str(error).split())[:200]}",
            "save it with model.save(...) of Keras 3",
        ) from error
    expected = (None, config.size, config.size, 3), (None, classes)
    got = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if got != expected:
        raise StillframeError(
            f"--backbone {path}: expected a model from {expected[0]} to {expected[1]}, "
            f"got one from {got[0]} to {got[1]}",
            "its input is RGB from 0 to 1 of the size that --size says, its outputs one logit a class",
        )
    last = getattr(model.layers[-1], "activation", None)
    if isinstance(model.layers[-1], keras.layers.Softmax) or last is keras.activations.softmax:
        raise StillframeError(
            f"--backbone {path}: expected logits as its outputs, got those of a softmax",
            "leave the softmax out: training and evaluation have it",
        )
    return model


def initial_coarseness(backbone: str) -> float:
    """Initial steps in 1/255 of each tensor's range."""
    return BACKBONES[backbone].coarseness if backbone in BACKBONES else 1.0
