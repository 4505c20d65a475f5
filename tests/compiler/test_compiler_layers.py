"""Layers of every kind, compiled and executed by the interpreter: what random graphs only hit by chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graph_reference import GraphReference
from interpreter import Interpreter
from program_check import check
from random_graphs import roomy
from small_graphs import AROUND, Layer, also_output, chain

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig
from stillframe.frontend import Conv, Graph, MaxPool, PRelu, Relu
from stillframe.frontend.graph import Add, AveragePool, Concat, DepthwiseConv, Mean, Pad, Resize

ARRAY = ArrayConfig.parse("1x4@virtual")
ARRAYS = [ARRAY] + [roomy(ArrayConfig.parse(name)) for name in ("1x16@25F", "2x8", "4x16", "8x16@virtual")]
SPAN = ((3, 0), (2, 4))
"""A padding as large as a kernel and larger."""


def shaken(graph: Graph) -> Graph:
    """The graph with random weights, biases and multipliers in place of all the same."""
    rng = np.random.default_rng(5)
    nodes = []
    for node in graph.nodes:
        if isinstance(node, Conv | DepthwiseConv):
            values: dict[str, Any] = {
                "weights": rng.integers(-127, 128, node.weights.shape).astype(np.int8),
                "bias": rng.integers(-3000, 3000, node.bias.shape).astype(np.int32),
                "multiplier": rng.integers(1 << 30, 1 << 31, node.bias.shape).astype(np.int32),
            }
            node = replace(node, **values)
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("mode", ["delta", "direct"])
@pytest.mark.parametrize("config", ARRAYS, ids=lambda config: config.name)
@pytest.mark.parametrize("multiplier", range(1, 9))
def test_depthwise(multiplier: int, config: ArrayConfig, mode: str) -> None:
    """19 channels: most multipliers split the outputs of a channel between passes."""
    layer = Layer(DepthwiseConv, (3, 2), multiplier, strides=(2, 1), padding=AROUND, dilation=(1, 2))
    graph = shaken(chain((5, 6, 19), layer, zero_point=-3))
    check(graph, compile_graph(graph, config, mode=mode), 0, 1)


@pytest.mark.parametrize("config", ARRAYS, ids=lambda config: config.name)
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 3, 10])
def test_depthwise_with_strides(kernel: int, stride: int, config: ArrayConfig) -> None:
    """Neighbouring lanes have kernel columns a stride apart; the longest kernel takes several cycles."""
    layer = Layer(DepthwiseConv, (2, kernel), 1, strides=(1, stride), padding=((0, 0), (kernel // 2, 3)))
    graph = shaken(chain((3, 23, 18), layer, zero_point=5))
    check(graph, compile_graph(graph, config, mode="delta"), 0, 1)


LAYERS = {
    "large kernel": [Layer(Conv, (11, 9), 5, padding=((5, 5), (4, 4)))],
    "kernel in strips": [Layer(Conv, (2, 15), 5, padding=((0, 0), (12, 12)))],
    "unequal strides": [Layer(Conv, (3, 2), 6, strides=(4, 3))],
    "dilated": [Layer(Conv, (3, 3), 6, dilation=(2, 2), padding=((2, 2), (2, 2)))],
    "padded beyond the kernel": [Layer(Pad, padding=SPAN), Layer(Conv, (2, 2), 6)],
    "depthwise padded beyond the kernel": [Layer(Pad, padding=SPAN), Layer(DepthwiseConv, (2, 2), 3)],
    "average with borders": [Layer(AveragePool, (3, 4), padding=((1, 1), (2, 1)))],
    "average of whole borders": [Layer(AveragePool, (5, 5), strides=(2, 3), padding=((4, 2), (3, 4)))],
    "average of a pad": [Layer(Pad, padding=SPAN), Layer(AveragePool, (3, 2))],
    "average of a pad with borders": [Layer(Pad, padding=SPAN), Layer(AveragePool, (3, 3), padding=AROUND)],
    "mean of a pad": [Layer(Pad, padding=SPAN), Layer(Mean, shift=-4)],
    "maximum of a pad": [Layer(Pad, padding=SPAN), Layer(MaxPool, (3, 2))],
    "pad": [Layer(Pad, padding=SPAN)],
    "pad and table": [Layer(Pad, padding=SPAN), Layer(PRelu)],
    "pad and table to another zero point": [Layer(Pad, padding=SPAN), Layer(Relu, zero_point=-60)],
    "resize": [Layer(Resize, factors=(3, 2)), Layer(Conv, (2, 2), 3)],
    "sum with itself": [Layer(Add, inputs=(0, 0))],
    "sum of a convolution": [Layer(Conv, (3, 3), 6, padding=AROUND), Layer(Add, inputs=(1, 0))],
    "sum with a convolution": [Layer(Conv, (2, 1), 6, padding=((1, 0), (0, 0))), Layer(Add, inputs=(0, 1))],
    "sum of a depthwise layer": [
        Layer(DepthwiseConv, (3, 3), 1, padding=AROUND, zero_point=9),
        Layer(Add, inputs=(0, 1), zero_point=-30),
        Layer(PRelu),
    ],
    "sum of two convolutions": [
        Layer(Conv, (3, 3), 9, strides=(2, 1), padding=AROUND),
        Layer(Conv, (1, 1), 9, strides=(2, 1), inputs=(0,), zero_point=40),
        Layer(Add, inputs=(1, 2), zero_point=2),
        Layer(Relu),
        Layer(Conv, (2, 2), 5),
    ],
    "concatenation": [Layer(Concat, inputs=(0, 0, 0, 0)), Layer(Conv, (1, 1), 3)],
}


@pytest.mark.parametrize(("array", "zero_point"), [("1x4@virtual", -128), ("4x16", 11)])
@pytest.mark.parametrize("kind", LAYERS)
def test_layer(kind: str, array: str, zero_point: int) -> None:
    config = roomy(ArrayConfig.parse(array))
    if kind == "average of whole borders" and config.params_cache:
        # It has 25 kinds of border, a row of PARAMS for each: more than a real part keeps of a layer.
        config = roomy(ArrayConfig.parse(f"{array}@virtual"))
    graph = shaken(chain((9, 7, 6), *LAYERS[kind], zero_point=zero_point))
    for mode in ("delta", "direct", "dense"):
        check(graph, compile_graph(graph, config, mode=mode), 0, 2)
    check(graph, compile_graph(graph, config, threshold=9), 9, 3)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", [Add, Concat])
def test_layer_of_two_inputs_rests_if_neither_changed(kind: type, first: bool) -> None:
    """The input moves in every frame, what a convolution with weights of 0 makes of it in none."""
    still = Layer(Conv, (1, 1), 4, weight=0, inputs=(0,))
    layers = [still, still, Layer(kind, inputs=(0, 1) if first else (1, 0)), Layer(kind, inputs=(1, 2))]
    graph = also_output(chain((4, 4, 4), *layers), 2)
    interpreter = Interpreter(compile_graph(graph, ARRAY))
    reference = GraphReference(graph, dict.fromkeys(range(5), 0))
    rng = np.random.default_rng(0)
    for frame in range(4):
        codes = rng.integers(-128, 128, (4, 4, 4)).astype(np.int8)
        traces = interpreter.run(codes, key=frame == 0)
        for tensor, values in reference.run(codes, key=frame == 0).items():
            np.testing.assert_array_equal(interpreter.output(tensor), values)
        assert [trace.ran for trace in traces] == [True, True, True, True, frame == 0]


def test_fused_sum_rests_if_neither_changed() -> None:
    """The convolution reads what never changes; of the other operand, the input, a row changes or none."""
    still = Layer(Conv, (1, 1), 4, weight=0)
    graph = chain((4, 4, 4), still, Layer(Conv, (1, 1), 4), Layer(Add, inputs=(2, 0)))
    interpreter = Interpreter(compile_graph(graph, ARRAY))
    reference = GraphReference(graph, dict.fromkeys(range(4), 0))
    codes = np.zeros((4, 4, 4), np.int8)
    for frame, (changed, pixels) in enumerate([(True, 16), (False, 0), (True, 4), (True, 4), (False, 0)]):
        codes[frame % 4, 2, 1] += changed
        trace = interpreter.run(codes, key=frame == 0)[2]
        np.testing.assert_array_equal(interpreter.output(2), reference.run(codes, key=frame == 0)[3])
        assert (trace.ran, trace.pixels, trace.events) == (changed, pixels, 0)


def test_sums_of_27_bits() -> None:
    """2072 products of 127 and -255 to 255: from one end to the other in one frame and back."""
    graph = chain((2, 4, 259), Layer(Conv, (2, 4), 3, weight=127, shift=-19), zero_point=127)
    program = compile_graph(graph, ARRAY)
    interpreter = Interpreter(program)
    reference = GraphReference(graph, {0: 0, 1: 0})
    state = program.layers[1].fields["state"]
    for frame, code in enumerate([127, -128, 126, -128, 0]):
        codes = np.full((2, 4, 259), code, np.int8)
        interpreter.run(codes, key=frame == 0)
        np.testing.assert_array_equal(interpreter.output(1), reference.run(codes, key=frame == 0)[1])
        assert interpreter.image.state[state, 0] == 2072 * 127 * (code - 127)
    assert 2072 * 127 * 255 > 1 << 25, "26 bits would not hold it"
