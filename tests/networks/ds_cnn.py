"""DS-CNN as MLPerf Tiny has it for keyword spotting: a map of 49 x 10, its stem's kernel 10 x 4."""

from __future__ import annotations

import keras
from keras import layers

from stillframe.video import ValueRange

VALUE_RANGE = ValueRange(-1, 1)
SHAPE = (49, 10, 1)


def build(filters: int = 64, blocks: int = 4, classes: int = 12) -> keras.Model:
    """A strided stem with a rectangular kernel, depthwise blocks, an average over the whole map."""
    image = keras.Input(SHAPE)
    x = layers.Conv2D(filters, (10, 4), strides=(2, 2), padding="same", name="stem")(image)
    x = _activated(x, "stem")
    for number in range(blocks):
        x = layers.DepthwiseConv2D(3, padding="same", name=f"depthwise{number}")(x)
        x = _activated(x, f"depthwise{number}")
        x = layers.Conv2D(filters, 1, name=f"pointwise{number}")(x)
        x = _activated(x, f"pointwise{number}")
    x = layers.AveragePooling2D(x.shape[1:3], name="average")(x)
    x = layers.Dense(classes, activation="softmax", name="classes")(layers.Flatten()(x))
    return keras.Model(image, x, name="ds_cnn")


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_norm")(x))
