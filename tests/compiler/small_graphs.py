"""Chains of layers with plain parameters, to look at what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillframe.frontend import Conv, Graph, GraphInput, GraphOutput, MaxPool, Node, PRelu, Relu, Tensor

NO_PADDING = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Layer:
    """A layer of a chain; ``channels`` and what follows but for the strides matter to a Conv only."""

    kind: type[Node]
    kernel: tuple[int, int] = (1, 1)
    channels: int = 0
    strides: tuple[int, int] = (1, 1)
    weight: int = 1
    shift: int = -8
    bias: int = 0


def chain(shape: tuple[int, int, int], *layers: Layer, zero_point: int = 0) -> Graph:
    """A graph of layers one behind the other, VALID padding, the last tensor as its output."""
    tensors = [Tensor("input", shape, 0.1, zero_point)]
    nodes: list[Node] = []
    for index, layer in enumerate(layers):
        height, width, channels = tensors[-1].shape
        height = (height - layer.kernel[0]) // layer.strides[0] + 1
        width = (width - layer.kernel[1]) // layer.strides[1] + 1
        common: dict[str, Any] = {
            "name": f"{layer.kind.__name__.lower()}{index + 1}",
            "inputs": (index,),
            "output": index + 1,
        }
        if layer.kind is Conv:
            outputs = layer.channels
            nodes.append(
                Conv(
                    **common,
                    op="CONV_2D",
                    weights=np.full((*layer.kernel, channels, outputs), layer.weight, np.int8),
                    bias=np.full(outputs, layer.bias, np.int32),
                    strides=layer.strides,
                    padding=NO_PADDING,
                    multiplier=np.full(outputs, 1 << 30, np.int32),
                    shift=np.full(outputs, layer.shift, np.int32),
                    act_min=-128,
                    act_max=127,
                )
            )
        elif layer.kind is MaxPool:
            outputs = channels
            nodes.append(
                MaxPool(
                    **common,
                    op="MAX_POOL_2D",
                    window=layer.kernel,
                    strides=layer.strides,
                    padding=NO_PADDING,
                    act_min=-128,
                    act_max=127,
                )
            )
        elif layer.kind is PRelu:
            outputs = channels
            nodes.append(
                PRelu(
                    **common,
                    op="PRELU",
                    alpha=np.arange(outputs, dtype=np.int8),
                    alpha_zero_point=0,
                    positive=(1 << 30, 1),
                    negative=(1 << 30, -5),
                )
            )
        else:
            outputs = channels
            nodes.append(
                Relu(**common, op="RELU", multiplier=1 << 30, shift=1, act_min=zero_point, act_max=127)
            )
        tensors.append(Tensor(f"tensor{index + 1}", (height, width, outputs), 0.1, zero_point))
    return Graph(
        name="chain",
        tensors=tuple(tensors),
        nodes=tuple(nodes),
        input=GraphInput("input", 0, ()),
        outputs=(GraphOutput("output", len(tensors) - 1, tensors[-1].shape, 0.1, zero_point, ()),),
        tflite=b"model",
    )


def also_output(graph: Graph, tensor: int) -> Graph:
    """The graph with one more output."""
    extra = GraphOutput("extra", tensor, graph.tensors[tensor].shape, 0.1, 0, ())
    return replace(graph, outputs=(*graph.outputs, extra))
