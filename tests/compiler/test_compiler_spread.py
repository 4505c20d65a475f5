"""Narrow inputs whose pixels take turns with the elements of their words: when, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from program_check import check
from random_graphs import roomy
from small_graphs import AROUND, Layer, also_output, chain
from test_compiler_layers import shaken

from stillframe.compiler import compile_graph
from stillframe.compiler.estimate import time_layer
from stillframe.compiler.lowering import lower
from stillframe.compiler.network import Network
from stillframe.contract import ArrayConfig
from stillframe.contract.spread import spread_elements
from stillframe.frontend import Conv, Graph, MaxPool
from stillframe.frontend.graph import Add, DepthwiseConv

CONV = Layer(Conv, (3, 3), 16, padding=AROUND)
SAME = Layer(Conv, (3, 3), 3, padding=AROUND)


def spread(graph: Graph, array: str) -> bool:
    """Whether the input's descriptor, and its tensor, say so."""
    program = compile_graph(graph, roomy(ArrayConfig.parse(array)))
    assert program.tensors[0].spread == program.layers[0].fields["spread"]
    assert not any(tensor.spread for tensor in program.tensors[1:])
    return program.tensors[0].spread


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize(
    ("array", "taking"),
    [("4x16", {1, 2, 3}), ("8x16@virtual", {1, 2, 3, 4}), ("2x16", {1, 3}), ("1x16", set())],
)
def test_where_a_word_has_room_for_each_turn(channels: int, array: str, taking: set[int]) -> None:
    assert spread(chain((6, 6, channels), CONV), array) == (channels in taking)


@pytest.mark.parametrize(
    ("graph", "taking"),
    [
        (chain((6, 6, 3), CONV), True),
        (
            chain((6, 6, 3), CONV, Layer(Conv, (1, 1), 8, inputs=(0,)), Layer(Conv, (1, 1), 4, inputs=(1,))),
            True,
        ),
        (chain((6, 6, 3), Layer(DepthwiseConv, (3, 3), 2)), True),  # a plain one, to the array
        (chain((6, 6, 3), Layer(DepthwiseConv, (3, 3), 1)), False),
        (chain((6, 6, 3), Layer(MaxPool, (2, 2))), False),
        (chain((6, 6, 3), CONV, Layer(MaxPool, (2, 2), inputs=(0,))), False),
        (chain((6, 6, 3), SAME, Layer(Add, inputs=(1, 0))), False),
        (chain((6, 6, 3), SAME, Layer(Conv, (1, 1), 3), Layer(Add, inputs=(2, 0))), False),
        (also_output(chain((6, 6, 3), CONV), 0), False),
        (chain((6, 6, 3), Layer(Conv, (3, 3), 33)), False),  # all banks take all events
    ],
)
def test_where_readers_multiply_events_and_share_outputs(graph: Graph, taking: bool) -> None:
    assert spread(graph, "4x16") == taking


def test_each_group_has_its_share() -> None:
    for channels in (1, 2, 3):
        elements = spread_elements(8, 8, channels, 4)
        assert elements.shape == (8, 8, channels)
        assert (np.bincount(elements.ravel() % 4) == 16 * channels).all()
        assert elements.max() < 16
        for pixels in (*elements, *elements.swapaxes(0, 1)):
            assert (np.bincount(pixels[:4].ravel() % 4) == channels).all(), "also of four neighbours"


@pytest.mark.parametrize("mode", ["delta", "direct", "dense"])
@pytest.mark.parametrize("array", ["4x16", "2x16", "8x16@virtual"])
@pytest.mark.parametrize("seed", range(8))
def test_program_computes_the_layer(seed: int, array: str, mode: str) -> None:
    random = np.random.default_rng(seed)
    height, width = random.integers(5, 12, 2).tolist()
    kernel = tuple(random.integers(1, 5, 2).tolist())
    strides, dilation = random.integers(1, 4, 2).tolist(), (1, 1)
    if seed % 3 == 0:
        strides, dilation = [1, 1], (2, 1 + seed % 2)
        kernel = (2, 3)
    config = roomy(ArrayConfig.parse(array))
    channels = int(random.choice([c for c in (1, 2, 3) if c % config.banks]))
    padding = tuple((int(a), int(b)) for a, b in random.integers(0, 2, (2, 2)))
    layers = [
        Layer(Conv, kernel, int(random.integers(1, 17)), tuple(strides), padding=padding, dilation=dilation)
    ]
    if seed % 2:
        layers.append(Layer(Conv, (3, 3), 5, inputs=(0,), padding=AROUND))
        layers.append(Layer(MaxPool, (1, 1), inputs=(1,)))
    graph = shaken(chain((height, width, channels), *layers, zero_point=3))
    threshold = seed % 4
    program = compile_graph(graph, config, mode=mode, threshold=threshold)
    assert program.tensors[0].spread
    check(graph, program, threshold, seed)


def test_banks_have_equal_work() -> None:
    """A dense 3 x 3 convolution of one channel takes a quarter of the cycles that it would otherwise."""
    graph = chain((32, 32, 1), CONV)
    config = ArrayConfig.parse("4x16@virtual")
    marks = np.ones((1, 32, 32, 1), np.bool_)
    flags = np.ones((1, 32), np.bool_)
    network = Network(graph, lower(graph), config)
    (cycles,) = time_layer(network, 1, True, [marks], flags)
    network.__dict__["_spread"] = False
    (before,) = time_layer(network, 1, True, [marks], flags)
    assert cycles < 0.3 * before
