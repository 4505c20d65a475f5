"""Person detection as TensorFlow Lite Micro has it: a grey frame into a depthwise stem of multiplier 8."""

from __future__ import annotations

import keras
from keras import layers

from stillframe.video import ValueRange

VALUE_RANGE = ValueRange(-1, 1)
SHAPE = (48, 48, 1)


def build(widths: tuple[int, ...] = (16, 32, 32), classes: int = 2) -> keras.Model:
    """Depthwise and pointwise layers, an average pool, a 1 x 1 convolution that classifies."""
    image = keras.Input(SHAPE)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=8, use_bias=False, name="stem")(
        image
    )
    x = _activated(x, "stem")
    for number, width in enumerate(widths):
        stride = 2 if number % 2 else 1
        name = f"depthwise{number}"
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=name)(x)
        x = _activated(x, name)
        x = layers.Conv2D(width, 1, use_bias=False, name=f"pointwise{number}")(x)
        x = _activated(x, f"pointwise{number}")
    x = layers.AveragePooling2D(x.shape[1:3], name="average")(x)
    x = layers.Reshape((classes,))(layers.Conv2D(classes, 1, name="classes")(x))
    return keras.Model(image, layers.Softmax(name="person")(x), name="person_stem")


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(6.0, name=f"{name}_relu6")(layers.BatchNormalization(name=f"{name}_norm")(x))
