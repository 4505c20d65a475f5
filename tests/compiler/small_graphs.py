"""Small graphs with plain parameters, to look at what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillframe.frontend import Conv, Graph, GraphInput, GraphOutput, MaxPool, Node, PRelu, Relu, Tensor
from stillframe.frontend.graph import (
    Add,
    AveragePool,
    Concat,
    DepthwiseConv,
    Mean,
    Pad,
    Padding,
    Pair,
    Resize,
)

NO_PADDING: Padding = ((0, 0), (0, 0))
AROUND: Padding = ((1, 1), (1, 1))
"""A pixel on every side."""

OPERATORS = {
    Add: "ADD",
    AveragePool: "AVERAGE_POOL_2D",
    Concat: "CONCATENATION",
    Conv: "CONV_2D",
    DepthwiseConv: "DEPTHWISE_CONV_2D",
    MaxPool: "MAX_POOL_2D",
    Mean: "MEAN",
    PRelu: "PRELU",
    Pad: "PAD",
    Relu: "RELU",
    Resize: "RESIZE_NEAREST_NEIGHBOR",
}


@dataclass(frozen=True)
class Layer:
    """A layer of a graph.

    Attributes:
        kind: The node's class. What does not matter to it is left out.
        kernel, strides, padding, dilation: Of its window.
        channels: Output channels of a Conv; the multiplier of a DepthwiseConv.
        weight, shift, bias: Of every channel of a convolution.
        factors: Of a Resize.
        inputs: Tensors read; the tensor before if none are told.
        zero_point: Of its output; the graph's if none is told.
    """

    kind: type[Node]
    kernel: Pair = (1, 1)
    channels: int = 0
    strides: Pair = (1, 1)
    weight: int = 1
    shift: int = -8
    bias: int = 0
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    factors: Pair = (1, 1)
    inputs: tuple[int, ...] = ()
    zero_point: int | None = None


def chain(shape: tuple[int, int, int], *layers: Layer, zero_point: int = 0) -> Graph:
    """A graph of layers, each behind the one before unless it tells its inputs; the last gives its output.

    The input is tensor 0, the first layer's output tensor 1.
    """
    tensors = [Tensor("input", shape, 0.1, zero_point)]
    nodes: list[Node] = []
    for index, layer in enumerate(layers):
        inputs = layer.inputs or (index,)
        sources = [tensors[tensor] for tensor in inputs]
        common: dict[str, Any] = {
            "name": f"{layer.kind.__name__.lower()}{index + 1}",
            "op": OPERATORS[layer.kind],
            "inputs": inputs,
            "output": index + 1,
        }
        target = layer.zero_point if layer.zero_point is not None else zero_point
        nodes.append(layer.kind(**common, **_parameters(layer, sources[0].shape[2], target)))
        tensors.append(Tensor(f"tensor{index + 1}", _shape(layer, sources), 0.1, target))
    return Graph(
        name="chain",
        tensors=tuple(tensors),
        nodes=tuple(nodes),
        input=GraphInput("input", 0, ()),
        outputs=(GraphOutput("output", len(tensors) - 1, tensors[-1].shape, 0.1, zero_point, ()),),
        tflite=b"model",
    )


def _shape(layer: Layer, sources: list[Tensor]) -> tuple[int, int, int]:
    """Shape of the output, VALID but for the padding."""
    height, width, channels = sources[0].shape
    if layer.kind is Mean:
        return 1, 1, channels
    if layer.kind is Conv:
        channels = layer.channels
    elif layer.kind is DepthwiseConv:
        channels *= layer.channels
    elif layer.kind is Concat:
        channels = sum(source.shape[2] for source in sources)
    sizes = [
        ((size + sum(sides) - (kernel - 1) * dilation - 1) // stride + 1) * factor
        for size, sides, kernel, dilation, stride, factor in zip(
            (height, width),
            layer.padding,
            layer.kernel,
            layer.dilation,
            layer.strides,
            layer.factors,
            strict=True,
        )
    ]
    return sizes[0], sizes[1], channels


def _parameters(layer: Layer, channels: int, zero_point: int) -> dict[str, Any]:
    """What the node has besides name, inputs and output, for an input of ``channels``."""
    every_code = {"act_min": -128, "act_max": 127}
    window = {"strides": layer.strides, "padding": layer.padding} | every_code
    if layer.kind in (Conv, DepthwiseConv):
        outputs = layer.channels * (channels if layer.kind is DepthwiseConv else 1)
        return window | {
            "weights": np.full((*layer.kernel, channels, layer.channels), layer.weight, np.int8),
            "bias": np.full(outputs, layer.bias, np.int32),
            "multiplier": np.full(outputs, 1 << 30, np.int32),
            "shift": np.full(outputs, layer.shift, np.int32),
            "dilation": layer.dilation,
        }
    if layer.kind in (MaxPool, AveragePool):
        return window | {"window": layer.kernel}
    if layer.kind is Mean:
        return {"multiplier": 1 << 30, "shift": layer.shift}
    if layer.kind is Add:
        return every_code | {"first": (1 << 30, 0), "second": (1 << 30, -1), "result": (1 << 30, -18)}
    if layer.kind is Pad:
        return {"padding": layer.padding}
    if layer.kind is Resize:
        return {"factors": layer.factors}
    if layer.kind is PRelu:
        return {
            "alpha": np.arange(channels, dtype=np.int8),
            "alpha_zero_point": 0,
            "positive": (1 << 30, 1),
            "negative": (1 << 30, -5),
        }
    if layer.kind is Relu:
        return {"multiplier": 1 << 30, "shift": 1, "act_min": zero_point, "act_max": 127}
    return {}


def also_output(graph: Graph, tensor: int) -> Graph:
    """The graph with one more output."""
    extra = GraphOutput("extra", tensor, graph.tensors[tensor].shape, 0.1, 0, ())
    return replace(graph, outputs=(*graph.outputs, extra))
