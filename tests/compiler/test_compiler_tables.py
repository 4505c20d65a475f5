"""Activation tables against TFLite's formulas, for every code."""

from __future__ import annotations

import numpy as np
from graph_reference import rescale
from hypothesis import given
from hypothesis import strategies as st

from stillframe.compiler.tables import (
    CODES,
    chain,
    clamp_table,
    multiply_by_quantized_multiplier,
    prelu_table,
    relu_table,
)
from stillframe.frontend import PRelu, Relu, Tensor

MULTIPLIERS = st.integers(0, (1 << 31) - 1)
ZERO_POINTS = st.integers(-128, 127)


def tensor(zero_point: int) -> Tensor:
    return Tensor("t", (1, 1, 3), 0.1, zero_point)


@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=1), MULTIPLIERS, st.integers(-31, 0))
def test_rounding_is_tflites(values: list[int], multiplier: int, shift: int) -> None:
    x = np.array(values, np.int64)
    np.testing.assert_array_equal(
        multiply_by_quantized_multiplier(x, multiplier, shift), rescale(x, multiplier, shift)
    )


def test_halves_go_away_from_zero() -> None:
    x = np.array([-6, -2, 2, 6], np.int64)  # times 1/2, times 1/2: -1.5, -0.5, 0.5, 1.5
    assert multiply_by_quantized_multiplier(x, 1 << 30, -1).tolist() == [-2, -1, 1, 2]


@given(ZERO_POINTS, ZERO_POINTS, st.lists(ZERO_POINTS, min_size=3, max_size=3), MULTIPLIERS, MULTIPLIERS)
def test_prelu(source: int, target: int, alpha: list[int], positive: int, negative: int) -> None:
    alphas = np.array(alpha, np.int8)
    node = PRelu("prelu", "PRELU", (0,), 1, alphas, 5, positive=(positive, 1), negative=(negative, -6))
    table = prelu_table(node, tensor(source), tensor(target))
    assert table.dtype == np.int8
    for channel, slope in enumerate(alpha):
        x = CODES - source
        values = np.where(x >= 0, rescale(x, positive, 1), rescale(x * (slope - 5), negative, -6))
        np.testing.assert_array_equal(table[channel], np.clip(values + target, -128, 127))


@given(ZERO_POINTS, ZERO_POINTS, MULTIPLIERS, st.integers(-4, 3), st.integers(-128, 0), st.integers(0, 127))
def test_relu(source: int, target: int, multiplier: int, shift: int, low: int, high: int) -> None:
    table = relu_table(
        Relu("relu", "RELU", (0,), 1, multiplier, shift, low, high), tensor(source), tensor(target)
    )
    values = rescale(CODES - source, multiplier, shift) + target
    np.testing.assert_array_equal(table, np.clip(values, low, high)[None])


def test_chain_applies_the_first_first() -> None:
    negate = (-1 - CODES).astype(np.int8)[None]
    both = chain(clamp_table(-10, 20), np.concatenate([negate, clamp_table(-128, 127)]))
    assert both[:, 0].tolist() == [9, -10]
    assert both[:, 255].tolist() == [-21, 20]
