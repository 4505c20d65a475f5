"""TensorFlow Lite's way from integer sums to codes, inside a Keras graph.

The rounding is that of :mod:`stillframe.golden.arithmetic`; here the multipliers come from steps that are
still being trained, so they are computed in the graph too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from stillframe.golden import arithmetic

from .steps import round_half_away, snap, tensor_scale

BIAS_LIMIT = 2**30 - 1
"""Largest bias code: the converter makes a channel's scale larger rather than go beyond it."""

DEAD_SCALE = 5e-7 / 127
"""The converter's scale of a channel whose weights are zero."""

DOUBLE_FRACTION_BITS = 52
DOUBLE_BIAS = 1022


class Sums(NamedTuple):
    """What a MAC layer has in its accumulators, and the bias that comes to it.

    Attributes:
        products: int64, (batch, ..., channels).
        bias: float32 (channels,).
        input_scale: float32 (): of the integers that were multiplied.
        weight_scales: float32 (channels,): of the weights.
    """

    products: Any
    bias: Any
    input_scale: Any
    weight_scales: Any


def levels_of(sums: Sums, step: Any, round_once: bool) -> Any:
    """The levels (codes less the zero point, not clipped) that the accelerator makes of sums: int64.

    Args:
        sums: Of a MAC layer.
        step: Of the output, float32 () or (channels,).
        round_once: One rounding in doubles, as FULLY_CONNECTED has it, instead of the two of convolutions.
    """
    scale, _ = tensor_scale(step)
    weight_scales, bias = for_output_step(sums.weight_scales, sums.bias, step)
    codes, weight_scales = bias_codes(bias, sums.input_scale, weight_scales)
    accumulators = sums.products + codes
    doubles = [tf.cast(x, tf.float64) for x in (sums.input_scale, weight_scales, scale)]
    real = doubles[0] * doubles[1] / doubles[2]
    if round_once:
        return arithmetic.round_half_away(tf.cast(accumulators, tf.float64) * real)
    return arithmetic.multiply_by_quantised_multiplier(accumulators, *quantise_multiplier(real))


def for_output_step(weight_scales: Any, bias: Any, step: Any) -> tuple[Any, Any]:
    """Weight scales and bias of a layer whose outputs have a step by channel, all told by one scale.

    Dividing weights and bias of a channel by its share makes the shares of the steps equal. Both are float32
    (channels,).
    """
    if step.shape.rank == 0:
        return weight_scales, bias
    _, share = tensor_scale(step)
    return tf.where(is_dead(weight_scales), weight_scales, snap(weight_scales / share)), bias / share


def bias_codes(bias: Any, input_scale: Any, weight_scales: Any) -> tuple[Any, Any]:
    """The bias in units of the accumulator, and the weight scales with which it has them.

    These are other than ``weight_scales`` where weights are zero and the bias does not fit: then the
    converter takes the scale at which it just does.

    Returns:
        int64 (channels,) and float32 (channels,).
    """
    dead = is_dead(weight_scales)
    value, source = tf.cast(bias, tf.float64), tf.cast(input_scale, tf.float64)
    unit = source * tf.where(dead, tf.constant(DEAD_SCALE, tf.float64), tf.cast(weight_scales, tf.float64))
    largest_unit = tf.abs(value) / BIAS_LIMIT
    full = dead & (largest_unit > unit)
    weight_scales = tf.where(full, tf.cast(largest_unit / source, tf.float32), weight_scales)
    return tf.cast(round_half_away(value / tf.where(full, largest_unit, unit)), tf.int64), weight_scales


def is_dead(weight_scales: Any) -> Any:
    """Which channels have weights of zero."""
    return weight_scales == tf.constant(DEAD_SCALE, tf.float32)


def quantise_multiplier(real: Any) -> tuple[Any, Any]:
    """Positive doubles as (multiplier, shift), int64: real = multiplier / 2**31 * 2**shift.

    As :func:`stillframe.frontend.quantise.quantise_multiplier`, on the bits of the doubles.
    """
    pattern = tf.bitcast(real, tf.int64)
    fraction = tf.bitwise.bitwise_and(pattern, (1 << DOUBLE_FRACTION_BITS) - 1) + (1 << DOUBLE_FRACTION_BITS)
    drop = tf.constant(DOUBLE_FRACTION_BITS - 30, tf.int64)
    multiplier = tf.bitwise.right_shift(fraction + (1 << (DOUBLE_FRACTION_BITS - 31)), drop)
    shift = tf.bitwise.right_shift(pattern, tf.constant(DOUBLE_FRACTION_BITS, tf.int64)) - DOUBLE_BIAS
    full = multiplier == 1 << 31
    multiplier, shift = tf.where(full, multiplier // 2, multiplier), tf.where(full, shift + 1, shift)
    too_small = shift < -31
    return (
        tf.where(too_small, tf.zeros_like(multiplier), multiplier),
        tf.where(too_small, tf.zeros_like(shift), shift),
    )
