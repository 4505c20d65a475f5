"""Single layers of any shape and quantisation on the compact machine, held against the golden model and
TFLite."""

from __future__ import annotations

import numpy as np
from compact_devices import ARRAY, compact_device
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_runs import (
    SEARCH,
    activations,
    compare,
    fitting,
    paddings,
    quantisations,
    shapes,
    spreads,
    strides,
    target_scale,
    windows,
)
from single_layers import conv_model, depthwise_model, pool_model

FEW = settings(SEARCH, max_examples=15)

situations = st.tuples(
    st.sampled_from(["delta", "direct", "dense"]), st.sampled_from([0, 0, 1, 9]), st.integers(0, 2**16)
)


def _numbers(rng, channels):
    """Weight scales and biases."""
    scales = [float(s) for s in np.float32(rng.uniform(1e-4, 0.1, channels))]
    return scales, rng.integers(-20000, 20000, channels)


@FEW
@given(
    shapes, windows, strides, paddings, activations, quantisations(), spreads, st.integers(1, 20), situations
)
def test_convolution(shape, window, stride, padding, activation, source, spread, channels, situation) -> None:
    shape = fitting((*shape[:2], min(shape[2], 512 // (window[0] * window[1]))), window, padding)
    rng = np.random.default_rng(situation[-1])
    weights = rng.integers(-127, 128, (channels, *window, shape[2]), np.int8)
    scales, bias = _numbers(rng, channels)
    target = target_scale(source[0], scales, weights[0].size, spread), int(rng.integers(-128, 128))
    data = conv_model(shape, weights, bias, stride, padding, activation, (source, target), scales)
    compare(data, compact_device, ARRAY, *situation)


@FEW
@given(shapes, windows, strides, paddings, activations, quantisations(), spreads, situations)
def test_depthwise(shape, window, stride, padding, activation, source, spread, situation) -> None:
    stride = stride[:1] * 2
    shape = fitting(shape, window, padding)
    rng = np.random.default_rng(situation[-1])
    weights = rng.integers(-127, 128, (1, *window, shape[2]), np.int8)
    scales, bias = _numbers(rng, shape[2])
    target = target_scale(source[0], scales, window[0] * window[1], spread), int(rng.integers(-128, 128))
    data = depthwise_model(
        shape,
        weights,
        bias,
        strides=stride,
        padding=padding,
        activation=activation,
        quantisation=(source, target),
        scales=scales,
    )
    compare(data, compact_device, ARRAY, *situation)


@FEW
@given(
    st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"]),
    shapes,
    windows,
    strides,
    paddings,
    quantisations(),
    situations,
)
def test_pooling(operator, shape, window, stride, padding, quantisation, situation) -> None:
    shape = fitting(shape, window, padding)
    data = pool_model(shape, window, stride, padding, quantisation=quantisation, op=operator)
    compare(data, compact_device, ARRAY, *situation)
