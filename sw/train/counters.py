"""Sparsity as Keras metrics, exact: counts are int64, whatever the model computes in."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Share(keras.metrics.Metric):
    """1 - part / whole, of counts summed since the last reset; 0 before anything was counted.

    Args:
        name: Of the metric.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.part = self.add_variable((), "zeros", dtype="int64", name="part")
        self.whole = self.add_variable((), "zeros", dtype="int64", name="whole")

    def update_state(self, part: Any, whole: Any) -> None:
        """Add counts, int64 scalars."""
        self.part.assign(self.part + part)
        self.whole.assign(self.whole + whole)

    def result(self) -> Any:
        """The share that is missing, float32."""
        part, whole = tf.cast(self.part, "float64"), tf.cast(self.whole, "float64")
        return tf.cast(tf.where(whole > 0, 1 - part / tf.maximum(whole, 1), 0.0), "float32")


class ActivationSparsity(Share):
    """Share of a layer's activations that are zero (of their changes or values), first frames excluded."""

    def count(self, operands: Any) -> None:
        """Add (clips, frames, ...) operands."""
        self.update_state(nonzero(operands), tf.size(operands, tf.int64))


class OperationSparsity(Share):
    """Share of a layer's MACs whose activation operand is zero, first frames excluded (arXiv 2107.07305).

    ``part`` counts the MACs issued, ``whole`` all of them. Taps in the padding are not MACs, as in the
    accelerator's counters.
    """

    def count(self, operands: Any, reach: Any, outputs: int) -> None:
        """Add (clips, frames, ..., channels) operands.

        Args:
            operands: What the MACs multiply with.
            reach: How many output pixels read each input pixel, int64, of the operands' shape between
                frames and channels.
            outputs: MACs for each of these: output channels, or the depth multiplier.
        """
        sent = tf.math.count_nonzero(operands, axis=-1, dtype=tf.int64)
        frames = tf.cast(tf.reduce_prod(tf.shape(operands)[:2]), tf.int64)
        channels = operands.shape[-1]
        self.update_state(
            tf.reduce_sum(sent * reach) * outputs, frames * tf.reduce_sum(reach) * channels * outputs
        )


def nonzero(x: Any) -> Any:
    """How many elements are not zero, int64."""
    return tf.math.count_nonzero(x, dtype=tf.int64)
