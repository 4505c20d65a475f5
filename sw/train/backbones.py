"""ResNet-50 and MobileNet of keras.applications for clips: pixels 0 to 1 in, one logit a class out.

The applications' preprocessing (mean and order of channels for ResNet-50, -1 to 1 for MobileNet) is linear,
so it goes into the first convolution and the batch norm behind it: the network's input is what the camera
gives, and a Delta Activation Layer can be the first layer. The convolution then pads with black, not with
the mean colour: near the edges the outputs differ from the application's until training has seen them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stillframe.contract import StillframeError
from stillframe.frontend.quiet import quiet

IMAGENET = "imagenet"


@dataclass(frozen=True)
class Backbone:
    """A network of keras.applications.

    Attributes:
        make: Its function.
        first, norm: Names of its first convolution and of the batch norm behind that.
        scale, offset: Of its preprocessing: channel = scale * x + offset with x from 0 to 1.
        reversed: Whether it takes BGR.
        coarseness: Initial steps in 1/255 of each tensor's range: 3 to 4 for ResNet, 1 for MobileNet in
            arXiv 2107.07305.
    """

    make: Callable[..., Any]
    first: str
    norm: str
    scale: float
    offset: tuple[float, float, float]
    reversed: bool
    coarseness: float


BACKBONES = {
    "resnet50": Backbone(
        keras.applications.ResNet50,
        "conv1_conv",
        "conv1_bn",
        255.0,
        (-103.939, -116.779, -123.68),
        True,
        3.5,
    ),
    "mobilenet": Backbone(
        keras.applications.MobileNet, "conv1", "conv1_bn", 2.0, (-1.0, -1.0, -1.0), False, 1.0
    ),
}
"""Backbones by name; mean and range as in ``keras.applications.imagenet_utils.preprocess_input``."""


def build(name: str, classes: int, size: int = 224, weights: str | Path | None = None) -> Any:
    """A backbone with global average pooling and a dense layer of logits.

    Args:
        name: One of :data:`BACKBONES`.
        classes: Outputs.
        size: Height and width of the input, 32 or more.
        weights: ``imagenet``: those of keras.applications, which are downloaded once. A path: a ``.keras`` or
            ``.weights.h5`` file of this very network. None: random ones.

    Returns:
        A flat Functional model, RGB from 0 to 1 (None, size, size, 3) to (None, classes).

    Raises:
        StillframeError: The weights cannot be had.
    """
    backbone = BACKBONES[name]
    base = _application(name, size, IMAGENET if weights == IMAGENET else None)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(base.output)
    model = keras.Model(base.input, keras.layers.Dense(classes, name="logits")(x), name=name)
    if weights == IMAGENET:
        fold_preprocessing(model, backbone)
    elif weights is not None:
        load_weights(model, Path(weights))
    return model


def _application(name: str, size: int, weights: str | None) -> Any:
    try:
        with quiet():
            return BACKBONES[name].make(input_shape=(size, size, 3), include_top=False, weights=weights)
    except Exception as error:  # Keras wraps what urllib raises in a plain Exception
        if weights is None:
            raise
        raise StillframeError(
            f"--weights imagenet: expected Keras to download the weights of {name}, got: {error}",
            "connect to the network (they are kept in ~/.keras/models then), or name a file with --weights, "
            "or train from scratch with --weights none",
        ) from error


def fold_preprocessing(model: Any, backbone: Backbone) -> None:
    """Put an application's preprocessing into its first layers.

    W (scale * x + offset) is W' x + shift with W' = scale * W, its input channels reversed if the application
    takes BGR, and shift = sum W * offset; BN(z + shift) is a batch norm with moving mean - shift.
    """
    first, norm = model.get_layer(backbone.first), model.get_layer(backbone.norm)
    kernel = first.kernel.numpy().astype(np.float64)  # (height, width, channels, outputs)
    shift = np.einsum("hwco,c->o", kernel, np.array(backbone.offset))
    norm.moving_mean.assign((norm.moving_mean.numpy() - shift).astype(np.float32))
    order = slice(None, None, -1) if backbone.reversed else slice(None)
    first.kernel.assign((kernel[:, :, order] * backbone.scale).astype(np.float32))


def load_weights(model: Any, path: Path) -> None:
    """Read the weights of a file that was saved from the same network.

    Raises:
        StillframeError: There is no such file, or its weights are not this network's.
    """
    try:
        with quiet():
            model.load_weights(path)
    except Exception as error:  # of many kinds, from h5py, zipfile and Keras
        reason = " ".join(str(error).split())[:200]
        raise StillframeError(
            f"--weights {path}: expected a .keras or .weights.h5 file of {model.name} "
            f"with {model.output_shape[-1]} classes, got: {reason}",
            "name a file that was saved from the same network, with the same classes",
        ) from error
