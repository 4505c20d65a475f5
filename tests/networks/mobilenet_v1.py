"""MobileNetV1 0.25 at 96 x 96 as Keras has it, with two classes: visual wake words."""

from __future__ import annotations

import keras

from stillframe.video import ValueRange

VALUE_RANGE = ValueRange(-1, 1)
SHAPE = (96, 96, 3)


def build() -> keras.Model:
    """Padding of its own in front of strided layers, ReLU6, a softmax over a 1 x 1 convolution."""
    return keras.applications.MobileNet(SHAPE, alpha=0.25, weights=None, classes=2)
