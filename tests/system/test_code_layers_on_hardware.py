"""Layers that work on codes, of any shape and quantisation, on the simulated device."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from layer_runs import (
    SEARCH,
    activations,
    compare,
    fitting,
    paddings,
    quantisations,
    shapes,
    situations,
    spreads,
    strides,
    windows,
)
from single_layers import (
    concat_model,
    constant_model,
    pad_model,
    pool_model,
    prelu_model,
    residual_model,
    resize_model,
    sum_model,
    unary_model,
)

few = st.integers(0, 3)


@SEARCH
@given(shapes, windows, strides, paddings, activations, quantisations(), situations)
def test_max_pool(device, shape, window, stride, padding, activation, source, situation) -> None:
    shape = fitting(shape, window, padding)
    compare(pool_model(shape, window, stride, padding, activation, source), device, *situation)


@SEARCH
@given(shapes, quantisations(), quantisations(), quantisations(2.0**-6), situations)
def test_prelu(device, shape, source, alpha, target, situation) -> None:
    slopes = np.random.default_rng(situation[-1]).integers(-128, 128, (1, 1, shape[2]))
    compare(prelu_model(shape, slopes, alpha, (source, target)), device, *situation)


@SEARCH
@given(
    st.sampled_from(["RELU", "RELU6", "RELU_N1_TO_1", "QUANTIZE"]),
    shapes,
    quantisations(),
    quantisations(2.0**-7),
    situations,
)
def test_elementwise(device, op, shape, source, target, situation) -> None:
    compare(unary_model(op, shape, ("INT8", *source), ("INT8", *target)), device, *situation)


@SEARCH
@given(
    st.sampled_from(["ADD", "SUB"]),
    shapes,
    quantisations(2.0**-7),
    quantisations(2.0**-7),
    quantisations(2.0**-7),
    activations,
    situations,
)
def test_sum(device, op, shape, first, second, target, activation, situation) -> None:
    compare(sum_model(op, shape, (first, second, target), activation), device, *situation)


@SEARCH
@given(
    st.sampled_from(["ADD", "ADD", "SUB"]),
    shapes,
    st.sampled_from([(1, 1), (3, 3), (2, 5)]),
    quantisations(2.0**-5),
    quantisations(2.0**-5),
    quantisations(2.0**-5),
    st.tuples(activations, activations),
    st.tuples(*[st.booleans()] * 3),
    spreads,
    situations,
)
def test_sum_with_what_a_convolution_makes(
    device, op, shape, window, source, own, target, activations, choices, spread, situation
) -> None:
    """Done in the convolution's layer, but for a difference that it is subtracted in."""
    first, shortcut, prelu = choices
    rng = np.random.default_rng(situation[-1])
    channels = int(rng.integers(1, 40)) if shortcut else shape[2]
    weights = rng.integers(-127, 128, (channels, *window, shape[2]), np.int8)
    scale = own[0] * spread / (source[0] * 74 * 60 * weights[0].size ** 0.5)
    data = residual_model(
        op,
        shape,
        weights,
        (source, own, target),
        [float(s) for s in np.float32(scale * rng.uniform(0.2, 1, channels))],
        first,
        activations,
        rng.integers(-127, 128, (channels, 1, 1, shape[2]), np.int8) if shortcut else None,
        rng.integers(-128, 128, (1, 1, channels), np.int8) if prelu else None,
    )
    compare(data, device, *situation)


@SEARCH
@given(
    st.sampled_from(["ADD", "SUB", "MUL"]),
    shapes,
    quantisations(2.0**-7),
    quantisations(2.0**-7),
    quantisations(2.0**-5),
    activations,
    situations,
)
def test_constant(device, op, shape, constant, source, target, activation, situation) -> None:
    values = np.random.default_rng(situation[-1]).integers(-128, 128, (1, 1, 1, shape[2]))
    data = constant_model(op, shape, values, constant, (source, target), activation=activation)
    compare(data, device, *situation)


@SEARCH
@given(shapes, quantisations(), situations)
def test_concatenation(device, shape, quantisation, situation) -> None:
    compare(concat_model(shape, quantisation), device, *situation)


@SEARCH
@given(shapes, st.tuples(few, few), st.tuples(few, few), quantisations(), situations)
def test_pad(device, shape, rows, columns, quantisation, situation) -> None:
    data = pad_model(shape, [(0, 0), rows, columns, (0, 0)], quantisation)
    compare(data, device, *situation)


@SEARCH
@given(shapes, st.integers(1, 4), st.integers(1, 4), quantisations(), situations)
def test_resize(device, shape, rows, columns, quantisation, situation) -> None:
    data = resize_model(shape, (shape[0] * rows, shape[1] * columns), quantisation=quantisation)
    compare(data, device, *situation)
