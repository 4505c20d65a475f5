"""A tiny U-Net: a map for every pixel, with two levels of upsampling and concatenation."""

from __future__ import annotations

import keras
from keras import layers

from stillframe.video import ValueRange

VALUE_RANGE = ValueRange(0, 1)
SHAPE = (32, 40, 3)


def build(widths: tuple[int, ...] = (6, 10), middle: int = 14) -> keras.Model:
    """Skip connections that join tensors of different scales; a sigmoid at the end."""
    x = image = keras.Input(SHAPE)
    skipped = []
    for level, width in enumerate(widths):
        x = _block(x, width, f"down{level}")
        skipped.append(x)
        x = layers.MaxPooling2D(2, name=f"pool{level}")(x)
    x = _block(x, middle, "middle")
    for level, width in reversed(list(enumerate(widths))):
        x = layers.UpSampling2D(2, interpolation="nearest", name=f"double{level}")(x)
        x = layers.Concatenate(name=f"join{level}")([x, skipped[level]])
        x = _block(x, width, f"up{level}")
    mask = layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x)
    return keras.Model(image, mask, name="tiny_unet")


def _block(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(width, 3, padding="same", name=name)(x)
    return layers.LeakyReLU(0.1, name=f"{name}_leaky")(layers.BatchNormalization(name=f"{name}_norm")(x))
