"""A small XCEPTION: separable convolutions, and shortcuts that stride with a 1 x 1 kernel."""

from __future__ import annotations

import keras
from keras import layers

from stillframe.video import ValueRange

VALUE_RANGE = ValueRange(0, 255)
SHAPE = (48, 64, 3)


def build(widths: tuple[int, ...] = (16, 24, 32), classes: int = 4) -> keras.Model:
    """Rescales its input itself, as the Keras example of image classification from scratch does."""
    image = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for width in widths:
        shortcut = layers.Conv2D(width, 1, strides=2, padding="same")(x)
        for _ in range(2):
            x = layers.Activation("relu")(x)
            x = layers.BatchNormalization()(layers.SeparableConv2D(width, 3, padding="same")(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.add([x, shortcut])
    x = layers.BatchNormalization()(layers.SeparableConv2D(48, 3, padding="same")(x))
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    return keras.Model(image, layers.Dense(classes, name="classes")(x), name="small_xception")
