"""TensorFlow Lite's rules from scales to integers: multipliers, shifts and activation ranges.

Every function follows the types that the reference kernels compute in, since one rounding more or less is
another multiplier. Nothing here quantises a model: that is the converter's work.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .graph import Float64, Int8, Int32

Int64 = npt.NDArray[np.int64]

INT8_MIN, INT8_MAX = -128, 127

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
"""Fused activations that are a range of codes."""


def quantise_multiplier(real: float) -> tuple[int, int]:
    """``real`` as (multiplier, shift): real = multiplier / 2**31 * 2**shift.

    Args:
        real: A double, 0 or more.

    Returns:
        The multiplier, 0 or 2**30 to 2**31 - 1, and the shift, -31 or more (positive: left). A number
        too small for that is (0, 0), as in TensorFlow Lite's ``QuantizeMultiplier``.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def round_half_away(value: np.float32) -> int:
    """A float32 rounded to the nearest integer, halves away from zero, as C's ``roundf``."""
    magnitude = math.floor(abs(float(value)) + 0.5)
    return -magnitude if value < 0 else magnitude


def activation_range(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """Smallest and largest code after a fused activation.

    Args:
        activation: One of :data:`ACTIVATIONS`.
        scale, zero_point: Quantisation of the output.
    """

    def code(real: float) -> int:
        return zero_point + round_half_away(np.float32(real) / np.float32(scale))

    low = {"RELU": 0.0, "RELU6": 0.0, "RELU_N1_TO_1": -1.0}.get(activation)
    high = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0}.get(activation)
    return (
        INT8_MIN if low is None else max(INT8_MIN, code(low)),
        INT8_MAX if high is None else min(INT8_MAX, code(high)),
    )


def real_multipliers(scale_in: float, scales_weights: npt.NDArray[np.float32], scale_out: float) -> Float64:
    """scale_in * scale_weights / scale_out by output channel: the float32 scales as doubles."""
    return float(scale_in) * scales_weights.astype(np.float64) / float(scale_out)


def rescale_multiplier(scale_in: float, scale_out: float, factor: float = 1.0) -> tuple[int, int]:
    """(multiplier, shift) of scale_in * factor / scale_out computed in float32, as PRELU and RELU do."""
    return quantise_multiplier(float(np.float32(scale_in) * np.float32(factor) / np.float32(scale_out)))


def mean_multiplier(scale_in: float, scale_out: float, count: int) -> tuple[int, int]:
    """(multiplier, shift) from a sum of ``count`` values to their mean in the output's scale, as MEAN does.

    The multiplier for the scales is divided by ``count``, with as many bits more as fit, and truncated.
    """
    multiplier, shift = quantise_multiplier(float(scale_in) / float(scale_out))
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << bits) // count, shift - bits


def accumulator_range(weights: Int8, bias: Int32, zero_point: int) -> tuple[Int64, Int64]:
    """Smallest and largest accumulator, bias included, by output channel, for any codes.

    Args:
        weights: Output channels last.
        zero_point: Of the input.
    """
    rows = weights.reshape(-1, weights.shape[-1]).astype(np.int64)
    at_low, at_high = rows * (INT8_MIN - zero_point), rows * (INT8_MAX - zero_point)
    low, high = np.minimum(at_low, at_high).sum(axis=0), np.maximum(at_low, at_high).sum(axis=0)
    return low + bias, high + bias


def single_rounding_multiplier(
    real: float, accumulators: tuple[int, int], codes: tuple[int, int]
) -> tuple[int, int] | None:
    """Integers that rescale as ``round_half_away(x * real)`` in doubles does, with one rounding.

    Args:
        real: The double.
        accumulators: Smallest and largest x.
        codes: Smallest and largest result that matters; beyond them both are clamped.

    Returns:
        (multiplier, shift) with (x * multiplier + 2**(30 - shift)) >> (31 - shift) equal for every x; None if
        there are none. Both sides rise with x, so it is enough to compare them where one result turns into
        the next.
    """
    results = np.arange(codes[0] + 1, codes[1] + 1)
    turns = np.floor((results[:, np.newaxis] - 0.5) / real) if real else np.zeros((1, 1))
    x = np.clip(turns + np.arange(-2, 3), *accumulators).astype(np.int64)
    product = x.astype(np.float64) * real
    whole = np.floor(np.abs(product))
    expected = np.clip(np.copysign(whole + (np.abs(product) - whole >= 0.5), product), *codes)
    nearest, shift = quantise_multiplier(real)
    # One more than the nearest rounds exact halves away from zero on both sides.
    for multiplier in (nearest, nearest + 1, nearest - 1, nearest + 2, nearest - 2):
        if not 0 <= multiplier < 2**31:
            continue
        result = (x * multiplier + (1 << (30 - shift))) >> (31 - shift)
        if np.array_equal(np.clip(result, *codes), expected):
            return multiplier, shift
    return None
