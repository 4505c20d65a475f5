"""Activation functions as tables: for each of the 256 int8 codes, the code that follows.

A table is int8 of shape (channels, 256), or (1, 256) if all channels share it; column 0 belongs to code -128.
The arithmetic is that of TFLite's reference kernels: ``Prelu`` in ``reference/prelu.h``, ``ReluX`` in
``reference/reference_ops.h``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillframe.frontend.graph import Int8, PRelu, Relu, Tensor

CODES = np.arange(-128, 128, dtype=np.int64)
"""All codes in the order of a table."""


def multiply_by_quantized_multiplier(
    x: npt.NDArray[np.int64], multiplier: int, shift: int
) -> npt.NDArray[np.int64]:
    """x * multiplier / 2**31 * 2**shift in TFLite's integer arithmetic with two roundings.

    Args:
        x: Integers that fit 32 bits, after a left shift too.
        multiplier: Q31, 0 to 2**31 - 1.
        shift: Left shift if positive, else right shift.
    """
    left, right = max(shift, 0), max(-shift, 0)
    high = ((x << left) * multiplier + (1 << 30)) >> 31
    if right == 0:
        return high
    # Halves go away from zero: the magnitude is rounded and the sign put back.
    return np.sign(high) * ((np.abs(high) + (1 << (right - 1))) >> right)


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
    """Shared table of a RELU, RELU6 or RELU_N1_TO_1, (1, 256)."""
    x = multiply_by_quantized_multiplier(CODES - source.zero_point, node.multiplier, node.shift)
    return _codes(x + target.zero_point, node.act_min, node.act_max)[None]


def clamp_table(act_min: int, act_max: int) -> Int8:
    """Shared table that clamps to the range of a fused activation, (1, 256)."""
    return _codes(CODES, act_min, act_max)[None]


def chain(first: Int8, second: Int8) -> Int8:
    """The table that puts a code through ``first``, then through ``second``."""
    channels = max(len(first), len(second))
    index = np.broadcast_to(first, (channels, 256)).astype(np.int64) + 128
    return np.take_along_axis(np.broadcast_to(second, (channels, 256)), index, axis=1)
