"""TensorFlow Lite's fixed-point rescaling on int64 Keras tensors, step by step as in its kernels."""

from __future__ import annotations

from typing import Any

from keras import ops

INT32_BITS = 32


def wrap_int32(x: Any) -> Any:
    """The value that an int32 holds after ``x``: int64 in, int64 out."""
    half = 2 ** (INT32_BITS - 1)
    return ops.bitwise_and(x + half, 2**INT32_BITS - 1) - half


def rounding_doubling_high_mul(a: Any, b: Any, bits: int = 31) -> Any:
    """a * b / 2**bits rounded: a nudge of half, signed as the product, then truncated towards zero."""
    product, half = a * b, 1 << (bits - 1)
    nudged = product + ops.cast(ops.where(product >= 0, half, 1 - half), "int64")
    return ops.sign(nudged) * ops.right_shift(ops.abs(nudged), bits)


def rounding_divide_by_power(a: Any, exponent: Any) -> Any:
    """a / 2**exponent rounded to the nearest, halves away from zero; ``exponent`` is 0 or more."""
    power = ops.left_shift(ops.ones_like(exponent), exponent)
    return ops.sign(a) * ops.right_shift(2 * ops.abs(a) + power, exponent + 1)


def multiply_by_quantised_multiplier(x: Any, multiplier: Any, shift: Any) -> Any:
    """x * multiplier / 2**31 * 2**shift with both roundings.

    Args:
        x: int64 tensor of int32 values.
        multiplier: int64 of -(2**31 - 1) to 2**31 - 1.
        shift: int64; positive is to the left.
    """
    shift = ops.convert_to_tensor(shift, "int64")
    left, right = ops.maximum(shift, 0), ops.maximum(-shift, 0)
    shifted = wrap_int32(x * ops.left_shift(ops.ones_like(left), left))
    return rounding_divide_by_power(rounding_doubling_high_mul(shifted, multiplier), right)


def round_half_away(x: Any) -> Any:
    """float64 to int64, halves away from zero, as C's ``round``."""
    magnitude = ops.abs(x)
    whole = ops.floor(magnitude)
    up = ops.cast(magnitude - whole >= 0.5, "float64")
    return ops.cast(ops.sign(x) * (whole + up), "int64")
