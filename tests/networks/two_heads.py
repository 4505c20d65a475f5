"""A detector in small: one trunk, a head of boxes and a head of classes on two scales of the map."""

from __future__ import annotations

import keras
from keras import layers

from stillframe.video import ValueRange

VALUE_RANGE = ValueRange(0, 1)
SHAPE = (36, 48, 3)


def build(anchors: int = 2, classes: int = 3) -> keras.Model:
    """A residual block whose sum feeds a head, the next stage and a branch; five outputs in two heads."""
    image = keras.Input(SHAPE)
    x = layers.Conv2D(8, 5, strides=2, padding="same", activation="relu", name="stem")(image)
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="inner")(x)
    y = layers.BatchNormalization(name="inner_norm")(layers.Conv2D(8, 3, padding="same", name="outer")(y))
    fine = layers.ReLU(name="fine")(layers.Add(name="sum")([x, y]))
    x = layers.SeparableConv2D(16, 3, strides=2, padding="same", name="stage")(fine)
    coarse = layers.ReLU(name="coarse")(layers.BatchNormalization(name="stage_norm")(x))
    outputs = {}
    for name, scale in (("fine", fine), ("coarse", coarse)):
        outputs[f"{name}_boxes"] = layers.Conv2D(4 * anchors, 3, padding="same", name=f"{name}_boxes")(scale)
        outputs[f"{name}_classes"] = layers.Conv2D(
            classes * anchors, 1, activation="sigmoid", name=f"{name}_classes"
        )(scale)
    pooled = layers.GlobalAveragePooling2D(name="pooled")(coarse)
    outputs["scene"] = layers.Dense(classes, activation="softmax", name="scene")(pooled)
    return keras.Model(image, outputs, name="two_heads")
