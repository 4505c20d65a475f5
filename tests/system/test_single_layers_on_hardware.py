"""Single layers of any shape and quantisation: hardware, golden model and TFLite's kernels agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import hard_frames
from single_layers import (
    ACTIVATIONS,
    SAME,
    VALID,
    conv_model,
    dense_model,
    pool_model,
    prelu_model,
    unary_model,
)

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig
from stillframe.driver import Device, Session
from stillframe.frontend import read_tflite
from stillframe.golden import GoldenModel, ReferenceModel

Shape = tuple[int, int, int]
SEARCH = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 20))
windows = st.tuples(st.integers(1, 7), st.integers(1, 7))
strides = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.sampled_from([SAME, VALID])
activations = st.sampled_from(sorted(ACTIVATIONS))
seeds = st.integers(0, 2**16)
spreads = st.sampled_from([2.0, 30.0, 90.0, 2000.0])
"""How far outputs spread over the codes: up to far outside."""


@st.composite
def quantisations(draw: st.DrawFn, low: float = 2.0**-10) -> tuple[float, int]:
    """(scale, zero point); now and then a power of two, which makes exact halves."""
    scale = draw(st.one_of(st.floats(low, 1, width=32), st.sampled_from([0.125, 0.25, 0.5])))
    return float(np.float32(scale)), draw(st.integers(-128, 127))


def target_scale(source: float, scales: list[float], taps: int, spread: float) -> float:
    """An output scale under which a layer's codes spread as wanted."""
    return float(np.float32(source * max(scales) * 74 * 60 * taps**0.5 / spread))


def compare(
    data: bytes, device: Callable[[str], Device], array: str, mode: str, threshold: int, seed: int
) -> None:
    """Run hard frames on the device; all three have to agree (TFLite only knows threshold 0)."""
    graph = read_tflite(data, "layer", "layer")
    shape = graph.tensors[graph.input.tensor].shape
    shape = shape if len(shape) == 3 else (1, 1, *shape)
    frames = hard_frames(shape, seed)
    flat = frames.reshape(len(frames), *graph.tensors[graph.input.tensor].shape)
    golden = GoldenModel(graph, threshold).run(flat).outputs
    if threshold == 0:
        for name, values in ReferenceModel(graph).run(flat)[0].items():
            assert np.array_equal(golden[name], values)
    program = compile_graph(graph, ArrayConfig.parse(array), mode=mode, threshold=threshold)
    session = Session(device(array), program)
    for number, frame in enumerate(frames):
        for name, values in session.run(frame).outputs.items():
            assert np.array_equal(values, golden[name][number]), f"frame {number}"


situations = st.tuples(
    st.sampled_from(["1x16", "2x8"]),
    st.sampled_from(["delta", "direct", "dense"]),
    st.sampled_from([0, 0, 1, 9]),
    seeds,
)


def fitting(shape: Shape, window: tuple[int, int], padding: int) -> Shape:
    """The shape, made large enough for a VALID window."""
    if padding == SAME:
        return shape
    return max(shape[0], window[0]), max(shape[1], window[1]), shape[2]


@SEARCH
@given(
    shapes, windows, strides, paddings, activations, quantisations(), spreads, st.integers(1, 40), situations
)
def test_convolution(
    device, shape, window, stride, padding, activation, source, spread, channels, situation
) -> None:
    shape = fitting(shape, window, padding)
    rng = np.random.default_rng(situation[-1])
    weights = rng.integers(-127, 128, (channels, *window, shape[2]), np.int8)
    scales = [float(s) for s in np.float32(rng.uniform(1e-4, 0.1, channels))]
    target = target_scale(source[0], scales, weights[0].size, spread), int(rng.integers(-128, 128))
    bias = rng.integers(-20000, 20000, channels)
    data = conv_model(shape, weights, bias, stride, padding, activation, (source, target), scales)
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
    scales = [float(s) for s in np.float32(rng.uniform(1e-4, 0.1, units))]
    target = target_scale(source[0], scales, weights[0].size, spread), int(rng.integers(-128, 128))
    bias = rng.integers(-20000, 20000, units)
    compare(dense_model(shape, weights, bias, activation, (source, target), scales), device, *situation)


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
    st.sampled_from(["RELU", "RELU6", "RELU_N1_TO_1"]),
    shapes,
    quantisations(),
    quantisations(2.0**-7),
    situations,
)
def test_relu(device, op, shape, source, target, situation) -> None:
    compare(unary_model(op, shape, ("INT8", *source), ("INT8", *target)), device, *situation)
