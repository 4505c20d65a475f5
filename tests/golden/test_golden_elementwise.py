"""Operators that make a code from a code: TFLite, the golden model and the compiler's tables, all codes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from single_layers import constant_model, prelu_model, unary_model

from stillframe.compiler.activations import table_of
from stillframe.frontend import read_tflite
from stillframe.frontend.graph import Elementwise
from stillframe.golden import GoldenModel, ReferenceModel

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)
CODES = np.arange(-128, 128).astype(np.int8)
CHANNELS = 3
SHAPE = (16, 16, CHANNELS)

zero_points = st.integers(-128, 127)
activations = st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
seeds = st.integers(0, 2**32 - 1)


@st.composite
def quantisations(draw: st.DrawFn, low: float = 2.0**-10, high: float = 1.0) -> tuple[float, int]:
    """(scale, zero point); now and then a power of two, which makes exact halves."""
    scale = draw(st.one_of(st.floats(low, high, width=32), st.sampled_from([0.125, 0.25, 0.5])))
    return float(np.float32(scale)), draw(zero_points)


def assert_equals_reference(data: bytes, shape: tuple[int, ...] = SHAPE) -> None:
    """All three give the same codes, each for each of the 256 codes in each channel."""
    graph = read_tflite(data, "layer", "layer.tflite")
    (node,) = graph.nodes
    assert isinstance(node, Elementwise)
    assert len(graph.tensors) == 2
    frames = np.broadcast_to(CODES[:, None], (256, shape[-1])).reshape(1, *shape)
    ((name, expected),) = ReferenceModel(graph).run(frames)[0].items()
    for mode in ("delta", "direct"):
        np.testing.assert_array_equal(GoldenModel(graph, mode=mode).run(frames).outputs[name], expected)
    table = table_of(graph, node)
    assert table.dtype == np.int8
    assert table.shape in ((1, 256), (shape[-1], 256))
    np.testing.assert_array_equal(np.broadcast_to(table, (shape[-1], 256)), expected.reshape(256, -1).T)


def int8(quantisation: tuple[float, int]) -> tuple[str, float, int]:
    return ("INT8", *quantisation)


@SETTINGS
@given(
    op=st.sampled_from(["RELU", "RELU6", "RELU_N1_TO_1", "QUANTIZE"]),
    source=quantisations(),
    target=quantisations(low=2.0**-6),
)
def test_relu_and_requantisation(op, source, target):
    assert_equals_reference(unary_model(op, SHAPE, int8(source), int8(target)))


@SETTINGS
@given(source=quantisations(), alpha=quantisations(), target=quantisations(low=2.0**-6), seed=seeds)
def test_prelu(source, alpha, target, seed):
    slopes = np.random.default_rng(seed).integers(-128, 128, (1, 1, CHANNELS))
    assert_equals_reference(prelu_model(SHAPE, slopes, alpha, (source, target)))


@SETTINGS
@given(
    source=quantisations(),
    target=quantisations(low=2.0**-6),
    alpha=st.one_of(st.floats(-2, 2, width=32), st.sampled_from([0.0, 0.1, 0.5])),
)
def test_leaky_relu(source, target, alpha):
    data = unary_model("LEAKY_RELU", SHAPE, int8(source), int8(target), "LeakyReluOptions", Alpha=alpha)
    assert_equals_reference(data)


@SETTINGS
@given(source=quantisations(), zero_out=st.one_of(st.just(-128), zero_points))
def test_logistic(source, zero_out):
    assert_equals_reference(unary_model("LOGISTIC", SHAPE, int8(source), ("INT8", 1 / 256, zero_out)))


@SETTINGS
@given(source=quantisations(), target=st.one_of(st.just((1 / 128, 0)), quantisations()))
def test_tanh(source, target):
    assert_equals_reference(unary_model("TANH", SHAPE, int8(source), int8(target)))


@SETTINGS
@given(source=quantisations(high=200.0), ratio=st.floats(2.0**-6, 2.0**8), zero_out=zero_points)
def test_hard_swish(source, ratio, zero_out):
    target = (float(np.float32(source[0] * ratio)), zero_out)
    assert_equals_reference(unary_model("HARD_SWISH", SHAPE, int8(source), int8(target), "HardSwishOptions"))


@SETTINGS
@given(
    op=st.sampled_from(["ADD", "SUB", "MUL"]),
    form=st.sampled_from([(), (1,), (CHANNELS,), (1, 1, 1, CHANNELS), (1, 1, 1, 1)]),
    source=quantisations(),
    constant=quantisations(),
    spread=st.floats(0.02, 8.0),
    zero_out=zero_points,
    first=st.booleans(),
    activation=activations,
    seed=seeds,
)
def test_constant(op, form, source, constant, spread, zero_out, first, activation, seed):
    reach = source[0] * constant[0] * 255 if op == "MUL" else max(source[0], constant[0])
    target = (float(np.float32(reach * spread)), zero_out)
    values = np.random.default_rng(seed).integers(-128, 128, form)
    assert_equals_reference(constant_model(op, SHAPE, values, constant, (source, target), first, activation))


def test_features_take_a_constant_each():
    data = constant_model("SUB", (256,), np.arange(256) - 128, (0.1, 3), ((0.1, 1), (0.2, 2)))
    graph = read_tflite(data, "layer", "layer.tflite")
    frames = CODES[None]
    ((name, expected),) = ReferenceModel(graph).run(frames)[0].items()
    np.testing.assert_array_equal(GoldenModel(graph).run(frames).outputs[name], expected)
