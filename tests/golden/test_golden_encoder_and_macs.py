"""The delta encoder's rule and the counts of multiplications, each against a plain loop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from single_layers import SAME, VALID, conv_model, dense_model, depthwise_model, mean_model, pool_model

from stillframe.contract import StillframeError
from stillframe.frontend import read_tflite
from stillframe.golden import GoldenModel
from stillframe.golden.encoder import DeltaEncoder


@pytest.mark.parametrize("threshold", [0, 1, 3, 255])
def test_encoder_follows_the_rule_element_by_element(threshold):
    rng = np.random.default_rng(threshold)
    codes = np.clip(rng.normal(0, 4, (50, 3, 5, 2)).cumsum(axis=0), -128, 127).astype(np.int8)
    key = np.zeros(50, bool)
    key[[0, 20]] = True
    encoder = DeltaEncoder(-7, threshold)
    after, before = zip(
        *(encoder.encode(codes[a:b], key[a:b]) for a, b in [(0, 9), (9, 30), (30, 50)]), strict=True
    )
    after, before = np.concatenate(after), np.concatenate(before)
    for place in np.ndindex(codes.shape[1:]):
        last = None
        for t in range(50):
            reference = -7 if key[t] else last
            limit = 0 if key[t] else threshold
            value = int(codes[(t, *place)])
            sent = abs(value - reference) > limit
            assert before[(t, *place)] == reference
            last = value if sent else reference
            assert after[(t, *place)] == last


def test_encoder_takes_differences_of_255():
    encoder = DeltaEncoder(0, 254)
    after, _ = encoder.encode(np.array([[-128], [127], [-127]], np.int8), np.array([True, False, False]))
    np.testing.assert_array_equal(after[:, 0], [-128, 127, 127])


def test_encoder_needs_a_key_frame_first():
    with pytest.raises(ValueError, match="expected a key frame first, got another"):
        DeltaEncoder(0, 0).encode(np.zeros((1, 2), np.int8), np.array([False]))


def taps(node, height, width, window, dilation=(1, 1)):
    """(row, column) of the input pixel under every tap inside the image, of every output pixel."""
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    (top, bottom), (left, right) = node.padding
    for oy in range((height + top + bottom - reach[0]) // node.strides[0] + 1):
        for ox in range((width + left + right - reach[1]) // node.strides[1] + 1):
            for ky, kx in itertools.product(*map(range, window)):
                y = oy * node.strides[0] + ky * dilation[0] - top
                x = ox * node.strides[1] + kx * dilation[1] - left
                if 0 <= y < height and 0 <= x < width:
                    yield y, x


def assert_counts(data, places, lanes):
    """A layer counts as many multiplications as the input pixels ``places(node)`` go to ``lanes`` outputs."""
    rng = np.random.default_rng(3)
    graph = read_tflite(data, "layer", "layer.tflite")
    (node,) = graph.nodes
    shape = graph.tensors[0].shape
    frames = rng.integers(-5, 0, (4, *shape)).astype(np.int8)
    frames[2] = frames[1]
    trace = GoldenModel(graph, {0: 1}).run(frames, key=[3])
    (counts,) = trace.macs.values()
    seen, zero_point = trace.tensors[0].astype(int), graph.tensors[0].zero_point
    places = list(places(node))
    assert counts.dense == len(places) * shape[2] * lanes
    for t in range(4):
        previous = zero_point if t in (0, 3) else seen[t - 1]
        delta, direct = seen[t] != previous, seen[t] != zero_point
        assert counts.delta[t] == sum(delta[place].sum() for place in places) * lanes
        assert counts.direct[t] == sum(direct[place].sum() for place in places) * lanes
    assert counts.delta[2] == 0 < counts.direct[2]


WINDOWS = pytest.mark.parametrize(
    ("window", "strides"), [((3, 3), (1, 1)), ((5, 2), (2, 1)), ((1, 1), (2, 2)), ((2, 7), (1, 3))]
)
PADDINGS = pytest.mark.parametrize("padding", [SAME, VALID])
DILATIONS = pytest.mark.parametrize("dilation", [(1, 1), (1, 2), (2, 1)])


def undilated(strides, dilation):
    """Strides, of columns only where they are not dilated: the front end takes no layer with both."""
    return strides[0], strides[1] if dilation[1] == 1 else 1


@PADDINGS
@WINDOWS
@DILATIONS
def test_macs_of_a_convolution(padding, window, strides, dilation):
    weights = np.ones((5, *window, 2))
    strides = undilated(strides, dilation)
    data = conv_model((9, 13, 2), weights, [0] * 5, strides, padding, dilation=dilation)
    assert_counts(data, lambda node: taps(node, 9, 13, window, dilation), 5)


@PADDINGS
@WINDOWS
@DILATIONS
def test_macs_of_a_depthwise_convolution(padding, window, strides, dilation):
    weights = np.ones((1, *window, 6))
    strides = undilated(strides, dilation)
    data = depthwise_model((9, 13, 2), weights, None, strides, padding, dilation=dilation)
    assert_counts(data, lambda node: taps(node, 9, 13, window, dilation), 3)


@PADDINGS
@WINDOWS
def test_macs_of_an_average_pooling(padding, window, strides):
    data = pool_model((6, 8, 2), window, strides, padding, op="AVERAGE_POOL_2D")
    assert_counts(data, lambda node: taps(node, 6, 8, window), 1)


def test_macs_of_a_mean():
    data = mean_model((6, 8, 2), ((0.1, -3), (0.1, 5)))
    assert_counts(data, lambda node: itertools.product(range(6), range(8)), 1)


def test_macs_of_a_dense_layer():
    data = dense_model((4, 3, 2), np.ones((7, 24)), [0] * 7)
    graph = read_tflite(data, "dense", "dense.tflite")
    frames = np.full((2, 4, 3, 2), graph.tensors[0].zero_point, np.int8)
    frames[1, 2, 1, 0] += 1
    (counts,) = GoldenModel(graph).run(frames).macs.values()
    assert counts.dense == 24 * 7
    np.testing.assert_array_equal(counts.delta, [0, 7])
    np.testing.assert_array_equal(counts.direct, [0, 7])


def small_graph():
    return read_tflite(conv_model((4, 5, 3), np.ones((2, 1, 1, 3)), [0, 0]), "small", "small.tflite")


@pytest.mark.parametrize(
    ("frames", "got"),
    [
        (np.zeros((1, 4, 5, 2), np.int8), "1 of int8 and 4 x 5 x 2"),
        (np.zeros((3, 4, 5, 3), np.uint8), "3 of uint8 and 4 x 5 x 3"),
        (np.zeros((0, 4, 5, 3), np.int8), "0 of int8 and 4 x 5 x 3"),
    ],
)
def test_frames_of_another_kind_are_refused(frames, got):
    with pytest.raises(StillframeError) as error:
        GoldenModel(small_graph()).run(frames)
    assert str(error.value) == (
        f"golden model small: expected int8 frames of 4 x 5 x 3, got {got}\n"
        "  -> quantise and resize the frames as the model's input is"
    )


def test_modes_other_than_delta_and_direct_are_refused():
    with pytest.raises(StillframeError) as error:
        GoldenModel(small_graph(), mode="dense")
    assert str(error.value) == (
        "golden model: expected mode delta or direct, got 'dense'\n  -> choose one of these"
    )


def test_reset_makes_the_next_frame_a_key_frame():
    golden = GoldenModel(small_graph(), {0: 9})
    frames = np.zeros((2, 4, 5, 3), np.int8)
    frames[1] = 5
    golden.run(frames[:1])
    assert golden.run(frames[1:]).tensors[0].max() == 0
    golden.reset()
    trace = golden.run(frames[1:])
    assert trace.key.tolist() == [True]
    assert trace.tensors[0].min() == 5
