"""MobileNetV2 0.35 at 96 x 96 as Keras has it, with five classes."""

from __future__ import annotations

import keras

from stillframe.video import ValueRange

VALUE_RANGE = ValueRange(-1, 1)
SHAPE = (96, 96, 3)


def build() -> keras.Model:
    """Inverted residuals: 52 convolutions, ReLU6, linear bottlenecks, ten additions."""
    return keras.applications.MobileNetV2(SHAPE, alpha=0.35, weights=None, classes=5)
