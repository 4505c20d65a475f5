"""From graph nodes to device layers: which node becomes what, and which nodes share a layer.

A new operator registers how it is lowered with :func:`lowering` (it becomes a layer) or :func:`activation`
(it becomes a table, fused into the layer before it where it can be).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillframe.contract import Op, StillframeError
from stillframe.frontend.graph import Conv, Graph, Int8, MaxPool, Node, PRelu, Relu

from .tables import chain, clamp_table, prelu_table, relu_table


@dataclass(frozen=True)
class Step:
    """A device layer before anything has a place in memory.

    Attributes:
        name: Name of the node that it does (the first one, where an activation is fused).
        operators: Operators of the model, for example ``CONV_2D + PRELU``.
        op: What the device does.
        input, output: Indices into ``Graph.tensors``.
        window: Rows and columns of the kernel or pooling window.
        strides: (vertical, horizontal).
        padding: ((top, bottom), (left, right)).
        conv: The node with weights and requantisation, of a MAC layer.
        table: int8 (channels or 1, 256): the activation, if any.
    """

    name: str
    operators: str
    op: Op
    input: int
    output: int
    window: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    conv: Conv | None = None
    table: Int8 | None = None


NO_PADDING = ((0, 0), (0, 0))

_lowerings: dict[type[Node], Callable[[Graph, Any], Step]] = {}
_activations: dict[type[Node], Callable[[Graph, Any], Int8]] = {}


def lowering(kind: type[Node]) -> Callable[[Callable[[Graph, Any], Step]], Callable[[Graph, Any], Step]]:
    """Register what makes a layer out of a node of class ``kind``."""

    def register(function: Callable[[Graph, Any], Step]) -> Callable[[Graph, Any], Step]:
        _lowerings[kind] = function
        return function

    return register


def activation(kind: type[Node]) -> Callable[[Callable[[Graph, Any], Int8]], Callable[[Graph, Any], Int8]]:
    """Register what makes a table out of a node of class ``kind`` that works on each element alone."""

    def register(function: Callable[[Graph, Any], Int8]) -> Callable[[Graph, Any], Int8]:
        _activations[kind] = function
        return function

    return register


@lowering(Conv)
def _lower_conv(graph: Graph, node: Conv) -> Step:
    return Step(
        name=node.name,
        operators=node.op,
        op=Op.MAC,
        input=node.inputs[0],
        output=node.output,
        window=(node.weights.shape[0], node.weights.shape[1]),
        strides=node.strides,
        padding=node.padding,
        conv=node,
    )


@lowering(MaxPool)
def _lower_max_pool(graph: Graph, node: MaxPool) -> Step:
    clamps = (node.act_min, node.act_max) != (-128, 127)
    return Step(
        name=node.name,
        operators=node.op,
        op=Op.POOL,
        input=node.inputs[0],
        output=node.output,
        window=node.window,
        strides=node.strides,
        padding=node.padding,
        table=clamp_table(node.act_min, node.act_max) if clamps else None,
    )


@activation(PRelu)
def _prelu(graph: Graph, node: PRelu) -> Int8:
    return prelu_table(node, graph.tensors[node.inputs[0]], graph.tensors[node.output])


@activation(Relu)
def _relu(graph: Graph, node: Relu) -> Int8:
    return relu_table(node, graph.tensors[node.inputs[0]], graph.tensors[node.output])


def _elementwise(graph: Graph, node: Node, table: Int8) -> Step:
    """A layer of its own for an activation that has no layer to join: a 1 x 1 window with a table."""
    return Step(
        name=node.name,
        operators=node.op,
        op=Op.POOL,
        input=node.inputs[0],
        output=node.output,
        window=(1, 1),
        strides=(1, 1),
        padding=NO_PADDING,
        table=table,
    )


def _with_activation(step: Step, node: Node, table: Int8) -> Step:
    joined = table if step.table is None else chain(step.table, table)
    return replace(step, operators=f"{step.operators} + {node.op}", output=node.output, table=joined)


def lower(graph: Graph) -> list[Step]:
    """The device layers that compute ``graph``, in execution order.

    An activation joins the layer that makes its input if nothing else reads that tensor and it is no output
    of the model; otherwise it is a layer of its own.

    Raises:
        StillframeError: A node has no lowering.
    """
    readers: dict[int, int] = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers[tensor] = readers.get(tensor, 0) + 1
    kept = {output.tensor for output in graph.outputs} | {graph.input.tensor}

    steps: list[Step] = []
    for node in graph.nodes:
        if type(node) in _activations:
            table = _activations[type(node)](graph, node)
            if len(np.unique(table, axis=0)) == 1:
                table = table[:1]
            source = node.inputs[0]
            maker = next((i for i, step in enumerate(steps) if step.output == source), None)
            if maker is not None and readers[source] == 1 and source not in kept:
                steps[maker] = _with_activation(steps[maker], node, table)
            else:
                steps.append(_elementwise(graph, node, table))
        elif type(node) in _lowerings:
            steps.append(_lowerings[type(node)](graph, node))
        else:
            raise StillframeError(
                f"layer {node.name!r}: expected an operator that the accelerator executes, got {node.op}",
                "it executes CONV_2D, FULLY_CONNECTED, MAX_POOL_2D, PRELU and RELU",
            )
    return steps
