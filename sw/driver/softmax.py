"""Softmax of int8 codes in integers, bit for bit that of TensorFlow Lite's reference kernel.

The kernel works in gemmlowp's fixed point: an int32 ``raw`` with b integer bits stands for raw / 2**(31 - b).
Its exponentials come from a Taylor expansion and a table of powers, its reciprocal from Newton's method. (The
optimised kernels use float tables and differ by one code in a few values in a million.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

_INT32_MAX = 2**31 - 1
_DIFF_BITS = 5  # integer bits of scaled differences of codes
_SUM_BITS = 12  # integer bits of the sum of exponentials


def high_mul(a: Int64 | int, b: Int64 | int) -> Int64:
    """Saturating rounding doubling high multiply of int32 values: a * b / 2**31, halves upwards."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + (1 << 30)) >> 31, _INT32_MAX)


def rounding_shift(a: Int64, bits: Int64 | int) -> Int64:
    """a / 2**bits, rounded to the nearest, halves away from zero."""
    half = np.where(np.asarray(bits) > 0, np.int64(1) << np.maximum(np.asarray(bits) - 1, 0), 0)
    return np.sign(a) * ((np.abs(a) + half) >> bits)


def softmax(codes: npt.NDArray[np.int8], scale: float, beta: float) -> npt.NDArray[np.int8]:
    """Softmax over the last axis.

    Args:
        codes: int8 codes; their zero point does not matter.
        scale: Scale of the codes.
        beta: Factor of the exponent.

    Returns:
        int8 codes of the same shape, with scale 1/256 and zero point -128.
    """
    exponentials, smallest = _exponentials(scale, beta)
    difference = codes.astype(np.int64) - codes.max(axis=-1, keepdims=True)
    exponential = exponentials[-difference]
    seen = difference >= smallest
    total = np.where(seen, rounding_shift(exponential, _SUM_BITS), 0).sum(axis=-1, keepdims=True)
    leading_zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    reciprocal = _one_over_one_plus((total << leading_zeros) - (1 << 31))
    bits = _SUM_BITS - leading_zeros + 31 - 8
    code = rounding_shift(high_mul(reciprocal, exponential), bits) - 128
    return np.where(seen, np.clip(code, -128, 127), -128).astype(np.int8)


def _exponentials(scale: float, beta: float) -> tuple[Int64, int]:
    """exp(-d * scale * beta) by difference d of 0 to 255, and the smallest code difference that counts.

    The exponentials have no integer bits.
    """
    real = min(float(np.float32(beta)) * float(np.float32(scale)) * 2.0 ** (31 - _DIFF_BITS), 2.0**31 - 1.0)
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    radius = (2**_DIFF_BITS - 1) * 2 ** (31 - _DIFF_BITS) // 2**shift
    difference = np.arange(0, -256, -1, dtype=np.int64)
    raw = high_mul(np.where(difference >= -radius, difference, 0) << shift, multiplier)
    return _exp_negative(raw), -radius


def _exp_negative(a: Int64) -> Int64:
    """exp(a) of ``a`` <= 0 with 5 integer bits; the result has none."""
    quarter = 1 << (31 - _DIFF_BITS - 2)
    modulo = (a & (quarter - 1)) - quarter
    result = _exp_quarter(modulo << _DIFF_BITS)
    remainder = modulo - a
    for exponent in range(-2, _DIFF_BITS):
        factor = math.floor(math.exp(-(2.0**exponent)) * 2**31 + 0.5)
        bit = 1 << (31 - _DIFF_BITS + exponent)
        result = np.where(remainder & bit, high_mul(result, factor), result)
    return np.where(a == 0, _INT32_MAX, result)


def _exp_quarter(a: Int64) -> Int64:
    """exp(a) of -1/4 <= ``a`` < 0, without integer bits: Taylor's series about -1/8 to the fourth power."""
    at_centre = math.floor(math.exp(-1 / 8) * 2**31 + 0.5)
    third = math.floor(2**31 / 3 + 0.5)
    x = a + (1 << 28)
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4 = high_mul(x2, x2)
    tail = rounding_shift(high_mul(rounding_shift(x4, 2) + x3, third) + x2, 1)
    return at_centre + high_mul(at_centre, x + tail)


def _one_over_one_plus(a: Int64) -> Int64:
    """1 / (1 + a) of 0 <= ``a`` < 1, without integer bits: three Newton steps on half the denominator."""
    half_denominator = (a + _INT32_MAX + 1) >> 1
    one = 1 << 29  # with two integer bits, as the estimate
    x = math.floor(48 / 17 * one + 0.5) + high_mul(half_denominator, -math.floor(32 / 17 * one + 0.5))
    for _ in range(3):
        x = x + _saturate(high_mul(x, one - high_mul(half_denominator, x)) << 2)
    return _saturate(x << 1)


def _saturate(a: Int64) -> Any:
    return np.clip(a, -(2**31), _INT32_MAX)
