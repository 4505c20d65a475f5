"""Activation functions as tables: for each of the 256 int8 codes, the code that follows.

A table is int8 of shape (channels, 256), or (1, 256) if all channels share it; column 0 belongs to code -128.
The arithmetic is that of TFLite's reference kernels: ``Prelu`` in ``reference/prelu.h``, ``ReluX`` in
``reference/reference_ops.h``, ``QuantizeLeakyRelu`` in ``reference/leaky_relu.h``, ``HardSwish`` in
``reference/hard_swish.h``, ``AddFunc`` and ``MulElementwise`` in ``reference/integer_ops``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillframe.frontend.graph import (
    ADD_LEFT_SHIFT,
    AddConstant,
    HardSwish,
    Int8,
    LeakyRelu,
    Lookup,
    MulConstant,
    PRelu,
    Relu,
    Tensor,
)

CODES = np.arange(-128, 128, dtype=np.int64)
"""All codes in the order of a table."""


def multiply_by_quantized_multiplier(
    x: npt.NDArray[np.int64], multiplier: int, shift: int
) -> npt.NDArray[np.int64]:
    """x * multiplier / 2**31 * 2**shift in TFLite's integer arithmetic with two roundings.

    Args:
        x: Integers that fit 32 bits, after a left shift too.
        multiplier: Q31, -(2**31 - 1) to 2**31 - 1.
        shift: Left shift if positive, else right shift.
    """
    left, right = max(shift, 0), max(-shift, 0)
    high = ((x << left) * multiplier + (1 << 30)) >> 31
    return divide_by_power(high, right)


def divide_by_power(x: npt.NDArray[np.int64], exponent: int) -> npt.NDArray[np.int64]:
    """x / 2**exponent, rounded to the nearest, halves away from zero; ``exponent`` is 0 or more."""
    # The magnitude is rounded and the sign put back.
    return np.sign(x) * ((np.abs(x) + ((1 << exponent) >> 1)) >> exponent)


def _codes(values: npt.NDArray[np.int64], low: int = -128, high: int = 127) -> Int8:
    return np.clip(values, low, high).astype(np.int8)


def prelu_table(node: PRelu, source: Tensor, target: Tensor) -> Int8:
    """Tables of a PRELU from tensor ``source`` to tensor ``target``, (channels, 256)."""
    x = CODES - source.zero_point
    positive = multiply_by_quantized_multiplier(x, *node.positive)
    rows = []
    for alpha in node.alpha.reshape(-1).astype(np.int64) - node.alpha_zero_point:
        negative = multiply_by_quantized_multiplier(x * alpha, *node.negative)
        rows.append(np.where(x >= 0, positive, negative) + target.zero_point)
    return _codes(np.stack(rows))


def relu_table(node: Relu, source: Tensor, target: Tensor) -> Int8:
    """Shared table of a RELU, RELU6, RELU_N1_TO_1 or QUANTIZE, (1, 256)."""
    x = multiply_by_quantized_multiplier(CODES - source.zero_point, node.multiplier, node.shift)
    return _codes(x + target.zero_point, node.act_min, node.act_max)[None]


def leaky_relu_table(node: LeakyRelu, source: Tensor, target: Tensor) -> Int8:
    """Shared table of a LEAKY_RELU, (1, 256)."""
    x = CODES - source.zero_point
    above = multiply_by_quantized_multiplier(x, *node.positive)
    below = multiply_by_quantized_multiplier(x, *node.negative)
    return _codes(np.where(x >= 0, above, below) + target.zero_point)[None]


def lookup_table(node: Lookup, source: Tensor, target: Tensor) -> Int8:
    """Shared table of a LOGISTIC or TANH, (1, 256)."""
    return node.codes[None]


def hard_swish_table(node: HardSwish, source: Tensor, target: Tensor) -> Int8:
    """Shared table of a HARD_SWISH, (1, 256), in its 16-bit fixed point."""

    def high(values: npt.NDArray[np.int64], multiplier: int) -> npt.NDArray[np.int64]:
        return (values * multiplier + (1 << 14)) >> 15

    def saturate(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.clip(values, -(1 << 15), (1 << 15) - 1)

    x = (CODES - source.zero_point) << 7
    multiplier, exponent = node.reluish
    if exponent > 0:
        gate = saturate(high(saturate(x << (exponent - 1)), multiplier) << 1)
    else:
        gate = divide_by_power(high(x, multiplier), -exponent)
    gate = (gate + (1 << 15)) >> 1  # 0 to 2**15 - 1 for a factor of 0 to 1
    multiplier, exponent = node.output_scale
    scaled = high(x, multiplier)
    product = np.sign(scaled) * ((gate * np.abs(scaled)) >> 15)
    return _codes(divide_by_power(product, -exponent) + target.zero_point)[None]


def add_constant_table(node: AddConstant, source: Tensor, target: Tensor) -> Int8:
    """Tables of an ADD or SUB with a constant, (channels, 256)."""
    constant = node.constant.astype(np.int64)[:, None] - node.constant_zero_point
    total = multiply_by_quantized_multiplier(constant << ADD_LEFT_SHIFT, *node.of_constant)
    x = (CODES - source.zero_point) << ADD_LEFT_SHIFT
    total = total + multiply_by_quantized_multiplier(x, *node.tensor)
    code = multiply_by_quantized_multiplier(total, *node.result) + target.zero_point
    return _codes(code, node.act_min, node.act_max)


def mul_constant_table(node: MulConstant, source: Tensor, target: Tensor) -> Int8:
    """Tables of a MUL by a constant, (channels, 256)."""
    constant = node.constant.astype(np.int64)[:, None] - node.constant_zero_point
    product = (CODES - source.zero_point) * constant
    code = multiply_by_quantized_multiplier(product, node.multiplier, node.shift) + target.zero_point
    return _codes(code, node.act_min, node.act_max)


def clamp_table(act_min: int, act_max: int) -> Int8:
    """Shared table that clamps to the range of a fused activation, (1, 256)."""
    return _codes(CODES, act_min, act_max)[None]


def chain(first: Int8, second: Int8) -> Int8:
    """The table that puts a code through ``first``, then through ``second``."""
    channels = max(len(first), len(second))
    index = np.broadcast_to(first, (channels, 256)).astype(np.int64) + 128
    return np.take_along_axis(np.broadcast_to(second, (channels, 256)), index, axis=1)
