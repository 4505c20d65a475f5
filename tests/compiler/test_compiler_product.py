"""Averages as sums of products: dividing by a number of pixels with one rounding."""

from __future__ import annotations

import numpy as np
import pytest
from small_graphs import Layer, chain

from stillframe.compiler.bounds import MAX_RIGHT_SHIFT
from stillframe.compiler.product import accumulator_range, average_pool, convolution, reciprocal
from stillframe.frontend import Conv
from stillframe.frontend.graph import AveragePool, DepthwiseConv

COUNTS = [*range(1, 257), 11 * 11 * 11, 64 * 64, 64 * 96, 64 * 1000 + 1]


@pytest.mark.parametrize("count", COUNTS)
def test_reciprocal_rounds_halves_away_from_zero(count: int) -> None:
    """Of every sum of ``count`` codes, or near every turn of the result where they are too many."""
    multiplier, shift = reciprocal(count)
    assert 0 <= multiplier < 1 << 31
    assert -MAX_RIGHT_SHIFT <= shift <= 1
    if count <= 256:
        sums = np.arange(-128 * count, 127 * count + 1)
    else:
        turns = (np.arange(-257, 256, 2) * count) // 2
        sums = np.clip((turns[:, None] + np.arange(-2, 3)).ravel(), -128 * count, 127 * count)
    means = (sums * multiplier + (1 << 30 - shift)) >> 31 - shift
    expected = np.sign(sums) * ((2 * np.abs(sums) + count) // (2 * count))
    np.testing.assert_array_equal(means, expected)


def test_range_of_sums() -> None:
    """Codes -128 and 127 around zero point -28: distances -100 to 155."""
    graph = chain((2, 2, 3), Layer(Conv, (2, 1), 2, weight=-3), zero_point=-28)
    conv = graph.nodes[0]
    assert isinstance(conv, Conv)
    low, high = accumulator_range(convolution(graph, conv), 2, -28)
    assert (low.tolist(), high.tolist()) == ([-3 * 6 * 155] * 2, [3 * 6 * 100] * 2)

    graph = chain((2, 2, 3), Layer(DepthwiseConv, (2, 2), 2, weight=5), zero_point=-28)
    depthwise = graph.nodes[0]
    assert isinstance(depthwise, DepthwiseConv)
    low, high = accumulator_range(convolution(graph, depthwise), 4, -28)
    assert (low.tolist(), high.tolist()) == ([-5 * 4 * 100] * 6, [5 * 4 * 155] * 6)

    graph = chain((3, 3, 3), Layer(AveragePool, (3, 3)), zero_point=-28)
    average = graph.nodes[0]
    assert isinstance(average, AveragePool)
    low, high = accumulator_range(average_pool(graph, average), 9, -28)
    assert (low.tolist(), high.tolist()) == ([-9 * 100] * 3, [9 * 155] * 3)
