"""TensorFlow Lite's way from integer sums to codes, inside a Keras graph.

The rounding is that of :mod:`stillframe.golden.arithmetic`; here the multipliers come from steps that are
still being trained, so they are computed in the graph too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from stillframe.golden import arithmetic

from .steps import snap, tensor_scale

DOUBLE_FRACTION_BITS = 52
DOUBLE_BIAS = 1022


class Sums(NamedTuple):
    """What a MAC layer has in its accumulators.

    Attributes:
        accumulators: int64, (batch, ..., channels), bias included.
        input_scale: float32 (): of the integers that were multiplied.
        weight_scales: float32 (channels,): of the weights.
    """

    accumulators: Any
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
    weight_scales = output_weight_scales(sums.weight_scales, step)
    doubles = [tf.cast(x, tf.float64) for x in (sums.input_scale, weight_scales, scale)]
    real = doubles[0] * doubles[1] / doubles[2]
    if round_once:
        return arithmetic.round_half_away(tf.cast(sums.accumulators, tf.float64) * real)
    return arithmetic.multiply_by_quantised_multiplier(sums.accumulators, *quantise_multiplier(real))


def output_weight_scales(weight_scales: Any, step: Any) -> Any:
    """Weight scales of a layer whose outputs have a step by channel, all told by one scale: (channels,).

    Dividing weights and bias of a channel by its share makes the shares of the steps equal.
    """
    _, share = tensor_scale(step)
    return weight_scales if step.shape.rank == 0 else snap(weight_scales / share)


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
