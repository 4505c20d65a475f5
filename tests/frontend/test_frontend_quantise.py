"""Multipliers, ranges and padding: against exact fractions and known values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stillframe.frontend.quantise import (
    accumulator_range,
    activation_range,
    quantise_multiplier,
    rescale_multiplier,
    single_rounding_multiplier,
)


@given(st.floats(2.0**-31, 1e6, exclude_min=True))
def test_multiplier_is_the_nearest_of_31_bits(real):
    multiplier, shift = quantise_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) - Fraction(real)) <= Fraction(2) ** (
        shift - 32
    )


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (0.5, (2**30, 0)),
        (1.0, (2**30, 1)),
        (100.0, (1677721600, 7)),
        (1 - 2.0**-33, (2**30, 1)),  # rounds up to the next power of two
        (2.0**-32, (2**30, -31)),
        (2.0**-32 * (1 - 2.0**-40), (2**30, -31)),
        (2.0**-33, (0, 0)),
    ],
)
def test_multiplier_of(real, expected):
    assert quantise_multiplier(real) == expected


def test_rescaling_is_computed_in_float32():
    scale_in, scale_out = float(np.float32(0.1)), float(np.float32(0.3))
    assert rescale_multiplier(scale_in, scale_out) == quantise_multiplier(
        float(np.float32(0.1) / np.float32(0.3))
    )
    assert rescale_multiplier(scale_in, scale_out) != quantise_multiplier(scale_in / scale_out)


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        ("NONE", 0.1, 3, (-128, 127)),
        ("RELU", 0.1, 3, (3, 127)),
        ("RELU6", 0.1, 3, (3, 63)),
        ("RELU6", 0.01, -128, (-128, 127)),
        ("RELU6", 4.0, 0, (0, 2)),  # 1.5 codes
        ("RELU_N1_TO_1", 2.0, 0, (-1, 1)),  # half a code, away from zero
        ("RELU_N1_TO_1", 0.001, 100, (-128, 127)),
    ],
)
def test_activation_range(activation, scale, zero_point, expected):
    assert activation_range(activation, scale, zero_point) == expected


def test_accumulator_range_is_reached():
    rng = np.random.default_rng(0)
    weights = rng.integers(-128, 128, (2, 3, 2, 4)).astype(np.int8)
    bias = rng.integers(-1000, 1000, 4).astype(np.int32)
    low, high = accumulator_range(weights, bias, -20)
    rows = weights.reshape(-1, 4).astype(int)
    smallest = np.where(rows > 0, -128, 127) + 20
    largest = np.where(rows > 0, 127, -128) + 20
    np.testing.assert_array_equal(low, (rows * smallest).sum(0) + bias)
    np.testing.assert_array_equal(high, (rows * largest).sum(0) + bias)


@example(real=0.7, low=-45, high=0, zero_point=0)
@given(
    real=st.floats(2.0**-20, 4.0),
    low=st.integers(-(2**18), 0),
    high=st.integers(0, 2**18),
    zero_point=st.integers(-128, 127),
)
def test_single_rounding_equals_doubles_for_every_accumulator(real, low, high, zero_point):
    codes = (-128 - zero_point, 127 - zero_point)
    found = single_rounding_multiplier(real, (low, high), codes)
    x = np.arange(low, high + 1)
    product = x * real
    doubles = np.copysign(np.floor(np.abs(product)) + (np.abs(product) % 1 >= 0.5), product)
    expected = np.clip(doubles, *codes).astype(int)
    if found is None:
        assert not multipliers(quantise_multiplier(real)[1], x, expected, codes)
        return
    multiplier, shift = found
    integers = (x * multiplier + (1 << (30 - shift))) >> (31 - shift)
    np.testing.assert_array_equal(np.clip(integers, *codes), expected)


def multipliers(shift, x, expected, codes):
    """All that rescale each x as expected."""
    one, half = 1 << (31 - shift), 1 << (30 - shift)
    least, most = 0, 2**31 - 1
    for value, code in zip(x.tolist(), expected.tolist(), strict=True):
        # code * one <= value * multiplier + half < (code + 1) * one; no bound where it is clamped.
        lowest = code * one - half if code > codes[0] else -(2**64)
        highest = (code + 1) * one - half - 1 if code < codes[1] else 2**64
        if value < 0:
            value, lowest, highest = -value, -highest, -lowest
        if value:
            least, most = max(least, -(-lowest // value)), min(most, highest // value)
    return range(least, most + 1)


def test_doubles_that_round_an_exact_half_only_now_and_then():
    """0.7 is a little less than seven tenths: as doubles 35 times it is 24.5, and 45 times it less than 31.5.
    So a multiplier is too small for the one or too large for the other."""
    assert single_rounding_multiplier(0.7, (-35, 0), (-128, 127)) is not None
    assert single_rounding_multiplier(0.7, (-45, 0), (-128, 127)) is None


def test_single_rounding_of_zero_and_of_what_vanishes():
    assert single_rounding_multiplier(0.0, (-(2**23), 2**23), (-128, 127)) == (0, 0)
    assert single_rounding_multiplier(2.0**-40, (-(2**23), 2**23), (-128, 127)) == (0, 0)


def test_single_rounding_that_31_bits_cannot_give():
    """Accumulators beyond 2**40 (never on the device) see the bits that the multiplier lacks."""
    assert single_rounding_multiplier(1 / 3e13, (-(2**52), 2**52), (-128, 127)) is None
