"""A Keras layer that fixes an int8 tensor's scale: the converter takes it instead of a calibrated one."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

INT8_LEVELS = 255


@keras.saving.register_keras_serializable("stillframe")
class FixedScale(keras.layers.Layer):
    """Fake quantisation: real = scale * level, levels 0 to 255, or -128 to 127 if signed.

    TensorFlow's converter gives the tensor behind it that scale, and the zero point -128 or 0.

    Args:
        scale: float32, positive. With at most 16 significant bits the converter's scale is exactly it.
        signed: Whether there are negative levels.
    """

    def __init__(self, scale: float, signed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = float(scale)
        self.signed = signed

    def call(self, inputs: Any) -> Any:
        """Round to the levels."""
        lowest = -128 if self.signed else 0
        low, high = lowest * self.scale, (lowest + INT8_LEVELS) * self.scale
        return tf.quantization.fake_quant_with_min_max_args(inputs, low, high, num_bits=8)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Both arguments."""
        return {**super().get_config(), "scale": self.scale, "signed": self.signed}
