"""Numbers as the accelerator has them: scales of few significant bits, rounding as in TensorFlow Lite."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

SIGNIFICANT_BITS = 16
"""Of every learned scale. 255 steps and 127 weight steps are then exact in float32, so that the scale that
TensorFlow's converter divides out of them again is the very number that was trained."""

FLOAT32_BITS = 24


def snap(x: Any, bits: int = SIGNIFICANT_BITS) -> Any:
    """Round positive float32 numbers to ``bits`` significant bits; the gradient passes straight through."""
    dropped = FLOAT32_BITS - bits
    pattern = tf.bitcast(tf.stop_gradient(x), tf.int32)
    rounded = tf.bitwise.left_shift(
        tf.bitwise.right_shift(pattern + (1 << (dropped - 1)), dropped), tf.constant(dropped)
    )
    return straight_through(x, tf.bitcast(rounded, tf.float32))


def straight_through(x: Any, rounded: Any) -> Any:
    """``rounded`` going forward, the gradient of ``x`` going back (Bengio et al., arXiv 1308.3432)."""
    return pass_gradient(x, tf.stop_gradient(rounded))


@tf.custom_gradient
def pass_gradient(x: Any, value: Any) -> Any:
    """``value``, with the gradient going to ``x`` alone."""
    return tf.identity(value), lambda upstream: (upstream, None)


def round_half_away(x: Any) -> Any:
    """Nearest whole number, halves away from zero, as C's ``roundf``: floats in, floats of that type out."""
    magnitude = tf.abs(x)
    whole = tf.floor(magnitude)
    return tf.sign(x) * (whole + tf.cast(magnitude - whole >= 0.5, x.dtype))


def tensor_scale(step: Any) -> tuple[Any, Any]:
    """A step by channel as one scale of the whole tensor, and what remains by channel.

    An int8 tensor of TensorFlow Lite has one scale. With a step by channel it is a power of two, so that
    dividing by it is exact; the rest goes into the weights on both sides (see ``export``).

    Args:
        step: float32, () or (channels,), positive.

    Returns:
        (scale, share): scale (), share of the shape of ``step``, scale * share = step.
    """
    if step.shape.rank == 0:
        return step, tf.ones_like(step)
    exponent = tf.round(tf.reduce_mean(tf.math.log(step)) / tf.math.log(tf.constant(2.0)))
    pattern = tf.bitwise.left_shift(tf.cast(exponent, tf.int32) + 127, tf.constant(23))
    scale = tf.bitcast(pattern, tf.float32)
    return scale, step / scale
