"""Single layers of any shape and quantisation: the golden model and the device's integers against TFLite.

TensorFlow Lite's reference kernels are the witness in every test here.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from single_layers import (
    SAME,
    VALID,
    concat_model,
    conv_model,
    dense_model,
    depthwise_model,
    mean_model,
    pad_model,
    pool_model,
    prelu_model,
    resize_model,
    sum_model,
    unary_model,
)

from stillframe.contract import StillframeError
from stillframe.frontend import read_tflite
from stillframe.frontend.graph import Conv
from stillframe.golden import GoldenModel, ReferenceModel

FRAMES = 4
SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
zero_points = st.integers(-128, 127)
activations = st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
dilations = st.tuples(st.integers(1, 2), st.integers(1, 2))


@st.composite
def quantisations(draw: st.DrawFn, low: float = 2.0**-10, high: float = 1.0) -> tuple[float, int]:
    """(scale, zero point); now and then a power of two, which makes exact halves."""
    scale = draw(st.one_of(st.floats(low, high, width=32), st.sampled_from([0.125, 0.25, 0.5])))
    return float(np.float32(scale)), draw(zero_points)


def under(
    size: tuple[int, int], window: tuple[int, int], padding: int, dilation: tuple[int, int] = (1, 1)
) -> tuple[int, ...]:
    """``size``, or as much as the window needs without padding."""
    least = [(k - 1) * d + 1 if padding == VALID else 1 for k, d in zip(window, dilation, strict=True)]
    return tuple(max(n, k) for n, k in zip(size, least, strict=True))


def undilated(strides: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """Strides, of columns only where they are not dilated: the front end takes no layer with both."""
    return strides[0], strides[1] if dilation[1] == 1 else 1


def frames_of(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random codes, with frames of the smallest and of the largest code only."""
    frames = rng.integers(-128, 128, (FRAMES, *shape)).astype(np.int8)
    frames[1], frames[2] = -128, 127
    return frames


def assert_equals_reference(data: bytes, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """Golden model in both modes and TFLite give the same outputs, of more than one value."""
    graph = read_tflite(data, "layer", "layer.tflite")
    frames = frames_of(shape, rng)
    expected, _ = ReferenceModel(graph).run(frames)
    for mode in ("delta", "direct"):
        outputs = GoldenModel(graph, mode=mode).run(frames).outputs
        assert outputs.keys() == expected.keys()
        for name, values in expected.items():
            assert outputs[name].dtype == values.dtype
            np.testing.assert_array_equal(outputs[name], values)


def output_scale(scale_in: float, scales: object, weights: np.ndarray, spread: float) -> float:
    """An output scale under which codes neither all saturate nor all vanish."""
    taps = weights[0].size
    largest = float(np.max(np.abs(np.asarray(scales))))
    return float(np.float32(scale_in * largest * 74 * 60 * taps**0.5 / spread))


@SETTINGS
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    window=st.tuples(st.integers(1, 11), st.integers(1, 11)),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=dilations,
    padding=st.sampled_from([SAME, VALID]),
    activation=activations,
    source=quantisations(),
    zero_out=zero_points,
    spread=st.sampled_from([2.0, 30.0, 90.0, 2000.0]),
    per_channel=st.booleans(),
    seed=seeds,
)
def test_conv(
    size,
    channels,
    window,
    strides,
    dilation,
    padding,
    activation,
    source,
    zero_out,
    spread,
    per_channel,
    seed,
):
    size = under(size, window, padding, dilation)
    strides = undilated(strides, dilation)
    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (channels[1], *window, channels[0]))
    scales = [float(s) for s in np.float32(rng.uniform(1e-4, 0.1, channels[1] if per_channel else 1))]
    target = (output_scale(source[0], scales, weights, spread), zero_out)
    data = conv_model(
        (*size, channels[0]),
        weights,
        rng.integers(-20000, 20000, channels[1]),
        strides,
        padding,
        activation,
        (source, target),
        scales,
        dilation,
    )
    assert_equals_reference(data, (*size, channels[0]), rng)


@SETTINGS
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.integers(1, 6),
    multiple=st.integers(1, 8),
    window=st.tuples(st.integers(1, 11), st.integers(1, 11)),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=dilations,
    padding=st.sampled_from([SAME, VALID]),
    activation=activations,
    source=quantisations(),
    zero_out=zero_points,
    spread=st.sampled_from([2.0, 30.0, 90.0]),
    per_channel=st.booleans(),
    seed=seeds,
)
def test_depthwise_conv(
    size,
    channels,
    multiple,
    window,
    strides,
    dilation,
    padding,
    activation,
    source,
    zero_out,
    spread,
    per_channel,
    seed,
):
    size = under(size, window, padding, dilation)
    strides = undilated(strides, dilation)
    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (1, *window, channels * multiple))
    count = channels * multiple if per_channel else 1
    scales = [float(s) for s in np.float32(rng.uniform(1e-4, 0.1, count))]
    target = (output_scale(source[0], scales, weights[..., :1], spread), zero_out)
    data = depthwise_model(
        (*size, channels),
        weights,
        rng.integers(-20000, 20000, channels * multiple),
        strides,
        padding,
        activation,
        (source, target),
        scales,
        dilation,
    )
    assert_equals_reference(data, (*size, channels), rng)


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
    units=st.integers(1, 20),
    activation=activations,
    source=quantisations(),
    zero_out=zero_points,
    spread=st.sampled_from([2.0, 30.0, 90.0]),
    per_channel=st.booleans(),
    form=st.sampled_from(["flattened", "map", "pixels", "features"]),
    bias=st.booleans(),
    seed=seeds,
)
def test_dense(shape, units, activation, source, zero_out, spread, per_channel, form, bias, seed):
    rng = np.random.default_rng(seed)
    if form == "features":
        shape = shape[2:]
    features = shape[-1] if form == "pixels" else int(np.prod(shape))
    weights = rng.integers(-127, 128, (units, features))
    scales = [float(s) for s in np.float32(rng.uniform(1e-4, 0.1, units if per_channel else 1))]
    target = (output_scale(source[0], scales, weights, spread), zero_out)
    data = dense_model(
        shape,
        weights,
        rng.integers(-20000, 20000, units) if bias else None,
        activation,
        (source, target),
        scales,
        flatten=form == "flattened",
        keep_dims=form == "pixels",
    )
    assert_equals_reference(data, shape, rng)
    assert_device_integers_are_exact(data, shape, rng)


def assert_device_integers_are_exact(data: bytes, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """The single rounding by ``multiplier`` and ``shift`` gives TFLite's codes as well."""
    graph = read_tflite(data, "layer", "layer.tflite")
    (node,) = graph.nodes
    assert isinstance(node, Conv)
    assert node.real_multiplier is not None
    frames = frames_of(shape, rng)
    expected, _ = ReferenceModel(graph).run(frames)
    rows = node.weights.reshape(-1, node.weights.shape[3]).astype(np.int64)
    x = (frames.reshape(-1, len(rows)).astype(np.int64) - graph.tensors[0].zero_point) @ rows + node.bias
    shift = node.shift.astype(np.int64)
    codes = (x * node.multiplier + (np.int64(1) << (30 - shift))) >> (31 - shift)
    codes = np.clip(codes + graph.tensors[1].zero_point, node.act_min, node.act_max)
    (values,) = expected.values()
    np.testing.assert_array_equal(codes, values.reshape(codes.shape))


@pytest.mark.parametrize("real", [0.5, 0.25, 0.0078125])
def test_dense_rounds_exact_halves_away_from_zero(real):
    x = np.arange(-128, 128).astype(np.int8)
    data = dense_model((1,), [[1]], None, flatten=False, quantisation=((1.0, 0), (1 / real, 0)), scales=1.0)
    graph = read_tflite(data, "halves", "halves.tflite")
    expected, _ = ReferenceModel(graph).run(x[:, None])
    (codes,) = GoldenModel(graph, mode="direct").run(x[:, None]).outputs.values()
    (values,) = expected.values()
    exact = np.copysign(np.floor(np.abs(x * real) + 0.5), x)
    np.testing.assert_array_equal(values[:, 0], exact)
    np.testing.assert_array_equal(codes, values)


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5)),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from([SAME, VALID]),
    activation=activations,
    source=quantisations(),
    seed=seeds,
)
def test_max_pool(shape, window, strides, padding, activation, source, seed):
    shape = (*under(shape[:2], window, padding), shape[2])
    data = pool_model(shape, window, strides, padding, activation, source)
    assert_equals_reference(data, shape, np.random.default_rng(seed))


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5)),
    window=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from([SAME, VALID]),
    activation=activations,
    source=quantisations(),
    seed=seeds,
)
def test_average_pool(shape, window, strides, padding, activation, source, seed):
    shape = (*under(shape[:2], window, padding), shape[2])
    data = pool_model(shape, window, strides, padding, activation, source, "AVERAGE_POOL_2D")
    assert_equals_reference(data, shape, np.random.default_rng(seed))


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5)),
    source=quantisations(),
    target=st.one_of(st.none(), quantisations(low=2.0**-8)),
    keep_dims=st.booleans(),
    axes=st.sampled_from([(1, 2), (2, 1), (-3, -2), (1, -2)]),
    seed=seeds,
)
def test_mean(shape, source, target, keep_dims, axes, seed):
    """With and without a quantisation of its own, in every form that TFLite might compute otherwise."""
    data = mean_model(shape, (source, target or source), keep_dims, axes)
    assert_equals_reference(data, shape, np.random.default_rng(seed))


@SETTINGS
@given(
    op=st.sampled_from(["ADD", "SUB"]),
    shape=st.sampled_from([(16, 16, 2), (9, 14, 3)]),
    source=quantisations(),
    ratio=st.one_of(st.just(1.0), st.floats(0.01, 100.0)),
    zero_second=zero_points,
    spread=st.floats(0.2, 8.0),
    zero_out=zero_points,
    activation=activations,
    seed=seeds,
)
def test_sum_of_two_maps(op, shape, source, ratio, zero_second, spread, zero_out, activation, seed):
    second = (float(np.float32(source[0] * ratio)), zero_second)
    target = (float(np.float32(max(source[0], second[0]) * spread)), zero_out)
    data = sum_model(op, shape, (source, second, target), activation)
    assert_equals_reference(data, shape, np.random.default_rng(seed))


@SETTINGS
@given(
    channels=st.integers(1, 9),
    shared=st.booleans(),
    source=quantisations(),
    alpha=quantisations(),
    target=quantisations(low=2.0**-6),
    seed=seeds,
)
def test_prelu(channels, shared, source, alpha, target, seed):
    rng = np.random.default_rng(seed)
    slopes = rng.integers(-128, 128, (1, 1, 1 if shared else channels))
    data = prelu_model((16, 16, channels), slopes, alpha, (source, target))
    assert_equals_reference(data, (16, 16, channels), rng)


@SETTINGS
@given(
    op=st.sampled_from(["RELU", "RELU6", "RELU_N1_TO_1"]),
    shape=st.sampled_from([(16, 16, 3), (300,)]),
    source=quantisations(),
    target=quantisations(low=2.0**-7),
    seed=seeds,
)
def test_relu(op, shape, source, target, seed):
    data = unary_model(op, shape, ("INT8", *source), ("INT8", *target))
    assert_equals_reference(data, shape, np.random.default_rng(seed))


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5)),
    source=quantisations(),
    seed=seeds,
)
def test_concatenation(shape, source, seed):
    assert_equals_reference(concat_model(shape, source), shape, np.random.default_rng(seed))


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5)),
    padding=st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2),
    source=quantisations(),
    seed=seeds,
)
def test_pad(shape, padding, source, seed):
    data = pad_model(shape, [(0, 0), *padding, (0, 0)], source)
    assert_equals_reference(data, shape, np.random.default_rng(seed))


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)),
    factors=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    align_corners=st.booleans(),
    half_pixels=st.booleans(),
    seed=seeds,
)
def test_resize_nearest_neighbor(shape, factors, align_corners, half_pixels, seed):
    """What is read is computed as TFLite does; what repeats pixels unevenly is refused."""
    size = (shape[0] * factors[0], shape[1] * factors[1])
    data = resize_model(shape, size, align_corners, half_pixels)
    try:
        assert_equals_reference(data, shape, np.random.default_rng(seed))
    except StillframeError:
        assert align_corners


def test_a_model_that_tensorflow_lite_refuses():
    """A convolution without bias, which its kernel for int8 does not take."""
    graph = read_tflite(conv_model((4, 5, 3), np.ones((2, 1, 1, 3))), "layer", "layer.tflite")
    with pytest.raises(StillframeError) as error:
        ReferenceModel(graph)
    assert error.value.message.startswith(
        "model layer: expected a model that TensorFlow Lite's reference kernels can run, got: "
    )
    assert "has_bias" in error.value.message
    assert error.value.hint == "convert the model again with TensorFlow's converter"
