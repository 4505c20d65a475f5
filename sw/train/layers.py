"""Which Keras layers are what, and how to make one again."""

from __future__ import annotations

from typing import Any

import keras

from .mac_layers import QuantisedConv2D, QuantisedDense, QuantisedDepthwiseConv2D

FLOAT32 = "float32"

MAC_LAYERS = {
    keras.layers.Conv2D: QuantisedConv2D,
    keras.layers.DepthwiseConv2D: QuantisedDepthwiseConv2D,
    keras.layers.Dense: QuantisedDense,
}
RESHAPING = (
    keras.layers.MaxPooling2D,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.ZeroPadding2D,
    keras.layers.UpSampling2D,
    keras.layers.Cropping2D,
)
"""Layers that pass levels on as they are: what was rounded before them is rounded behind them."""

ELEMENTWISE = (keras.layers.PReLU, keras.layers.LeakyReLU, keras.layers.ELU)
"""Activations with layers of their own; only what comes out of them is rounded."""

AT_THE_END = ("softmax", "sigmoid")
"""Activations of outputs: they stay behind the last rounding."""


def again(layer: Any, **changes: Any) -> Any:
    """A new layer of the same configuration, in float32, weights not copied."""
    return type(layer).from_config({**layer.get_config(), "dtype": FLOAT32, **changes})


def copy_weights(source: Any, target: Any) -> None:
    """Weights by name; a bias that the source lacks stays zero."""
    by_name = {weight.name: weight for weight in source.weights}
    for weight in target.weights:
        if weight.name in by_name:
            weight.assign(by_name[weight.name])


def activation_name(layer: Any) -> str:
    """``relu``, ``relu6``, ``softmax``, ...; the layer's name if it is something else."""
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    if isinstance(layer, keras.layers.ReLU):
        plain = not layer.negative_slope and not layer.threshold
        return {None: "relu", 6.0: "relu6"}.get(layer.max_value, "relu-variant") if plain else "relu-variant"
    return getattr(layer.activation, "__name__", layer.name)


def is_relu(layer: Any) -> bool:
    """Whether it is a ReLU, to the end of the range or to 6."""
    kinds = keras.layers.Activation | keras.layers.ReLU
    return isinstance(layer, kinds) and activation_name(layer) in ("relu", "relu6")
