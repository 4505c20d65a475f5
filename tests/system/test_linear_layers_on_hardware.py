"""Layers that are sums of products, of any shape and quantisation, on the simulated device."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_runs import (
    SEARCH,
    activations,
    compare,
    dilations,
    fitting,
    paddings,
    quantisations,
    shapes,
    situations,
    spreads,
    strides,
    target_scale,
    windows,
)
from single_layers import (
    SAME,
    VALID,
    conv_model,
    dense_model,
    depthwise_model,
    mean_model,
    pool_model,
)


def _numbers(rng, channels):
    """Weight scales and biases."""
    scales = [float(s) for s in np.float32(rng.uniform(1e-4, 0.1, channels))]
    return scales, rng.integers(-20000, 20000, channels)


@SEARCH
@given(
    shapes,
    windows,
    strides,
    dilations,
    paddings,
    activations,
    quantisations(),
    spreads,
    st.integers(1, 40),
    situations,
)
def test_convolution(
    device, shape, window, stride, dilation, padding, activation, source, spread, channels, situation
) -> None:
    if dilation != (1, 1):
        stride = (1, 1)  # TensorFlow has no convolution with both
    shape = fitting(shape, window, padding, dilation)
    rng = np.random.default_rng(situation[-1])
    weights = rng.integers(-127, 128, (channels, *window, shape[2]), np.int8)
    scales, bias = _numbers(rng, channels)
    target = target_scale(source[0], scales, weights[0].size, spread), int(rng.integers(-128, 128))
    data = conv_model(shape, weights, bias, stride, padding, activation, (source, target), scales, dilation)
    compare(data, device, *situation)


@SEARCH
@given(st.sampled_from([(11, 11), (1, 11), (10, 4), (11, 1)]), strides, paddings, quantisations(), situations)
def test_convolution_with_a_large_kernel(device, window, stride, padding, source, situation) -> None:
    rng = np.random.default_rng(situation[-1])
    weights = rng.integers(-127, 128, (5, *window, 3), np.int8)
    scales, bias = _numbers(rng, 5)
    target = target_scale(source[0], scales, weights[0].size, 60.0), 3
    data = conv_model((13, 12, 3), weights, bias, stride, padding, "NONE", (source, target), scales)
    compare(data, device, *situation)


@SEARCH
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 9)),
    st.integers(1, 40),
    activations,
    quantisations(),
    spreads,
    situations,
)
def test_dense(device, shape, units, activation, source, spread, situation) -> None:
    rng = np.random.default_rng(situation[-1])
    weights = rng.integers(-127, 128, (units, int(np.prod(shape))), np.int8)
    scales, bias = _numbers(rng, units)
    target = target_scale(source[0], scales, weights[0].size, spread), int(rng.integers(-128, 128))
    compare(dense_model(shape, weights, bias, activation, (source, target), scales), device, *situation)


@SEARCH
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40)),
    st.integers(1, 8),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    strides,
    dilations,
    paddings,
    activations,
    quantisations(),
    spreads,
    situations,
)
def test_depthwise_convolution(
    device,
    shape,
    multiplier,
    window,
    stride,
    dilation,
    padding,
    activation,
    source,
    spread,
    situation,
) -> None:
    if dilation != (1, 1):
        stride = (1, 1)
    shape = fitting(shape, window, padding, dilation)
    rng = np.random.default_rng(situation[-1])
    channels = shape[2] * multiplier
    weights = rng.integers(-127, 128, (1, *window, channels), np.int8)
    scales, bias = _numbers(rng, channels)
    target = target_scale(source[0], scales, window[0] * window[1], spread), int(rng.integers(-128, 128))
    data = depthwise_model(
        shape, weights, bias, stride, padding, activation, (source, target), scales, dilation
    )
    compare(data, device, *situation)


@SEARCH
@given(shapes, windows, strides, paddings, activations, quantisations(), situations)
def test_average_pool(device, shape, window, stride, padding, activation, source, situation) -> None:
    shape = fitting(shape, window, padding)
    data = pool_model(shape, window, stride, padding, activation, source, "AVERAGE_POOL_2D")
    compare(data, device, *situation)


@SEARCH
@given(shapes, quantisations(), quantisations(2.0**-7), st.booleans(), situations)
def test_mean(device, shape, source, target, keep_dims, situation) -> None:
    compare(mean_model(shape, (source, target), keep_dims), device, *situation)


def test_average_over_more_passes_than_one_with_every_border(device) -> None:
    """40 channels on 16 lanes, a window larger than the map: each corner has a count of its own."""
    data = pool_model((4, 3, 40), (7, 5), (1, 1), SAME, "NONE", (0.05, -7), "AVERAGE_POOL_2D")
    for mode in ("delta", "direct", "dense"):
        compare(data, device, "1x16", mode, 0, 5)


@pytest.mark.parametrize("window", [(64, 3), (3, 64)])
def test_windows_as_large_as_they_may_be(device, window) -> None:
    """64 rows or columns, of every kind."""
    rng = np.random.default_rng(3)
    shape = (*window, 2)
    target = target_scale(0.05, [0.01], 64 * 3 * 2, 60.0), 3
    scales, bias = [0.01] * 2, np.zeros(2)
    weights = rng.integers(-127, 128, (2, *window, 2), np.int8)
    full = conv_model(shape, weights, bias, quantisation=((0.05, -3), target), scales=scales)
    weights = rng.integers(-127, 128, (1, *window, 2), np.int8)
    depthwise = depthwise_model(shape, weights, bias, quantisation=((0.05, -3), target), scales=scales)
    pooled = pool_model(shape, window, (1, 1), VALID, "NONE", (0.05, -7), "AVERAGE_POOL_2D")
    for data in (full, depthwise, pooled, mean_model(shape, ((0.05, -3), (0.05, 2)))):
        compare(data, device, "2x8@virtual", "delta", 0, 7)
