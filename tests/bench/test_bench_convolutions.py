"""Frames of which exactly so much changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from stillframe.bench.convolutions import convolution, frames


@pytest.fixture(scope="module")
def graph():
    return convolution(4, 6)


def test_a_convolution(graph) -> None:
    assert graph.name == "conv-4"
    assert (graph.frame.shape, graph.frame.dtype, graph.frame.zero_point) == ((6, 6, 4), "int8", -128)
    assert [tensor.shape for tensor in graph.tensors][-1] == (6, 6, 4)
    (layer,), (again,) = graph.nodes, convolution(4, 6).nodes
    assert np.array_equal(layer.weights, again.weights)


@pytest.mark.parametrize(("density", "changed"), [(0.02, 3), (0.1, 14), (0.5, 72), (1.0, 144)])
def test_so_much_changes(graph, density: float, changed: int) -> None:
    codes = frames(graph, density, 20)
    assert (codes.shape, codes.dtype) == ((20, 6, 6, 4), np.int8)
    assert np.count_nonzero(codes[0] == -128) == 72
    assert [np.count_nonzero(a != b) for a, b in pairwise(codes)] == [changed] * 19
    assert 0.35 < np.mean(codes == -128) < 0.65
    assert np.array_equal(frames(graph, density, 20), codes)


def test_what_was_zero_becomes_something_and_the_other_way_round(graph) -> None:
    before, after = frames(graph, 0.5, 2)
    changed = before != after
    assert np.array_equal((before == -128)[changed], (after != -128)[changed])
