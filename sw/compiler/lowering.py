"""From graph nodes to device layers: which node becomes what, and which nodes share a layer.

A new operator registers how it is lowered with :func:`lowering`; an elementwise one has a table
(:mod:`.activations`) and joins the layer before it where it can. A PAD in front of what sees nothing outside
the image anyway only moves that layer's window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from stillframe.contract import Op, StillframeError
from stillframe.frontend.graph import (
    Add,
    AveragePool,
    Concat,
    Conv,
    DepthwiseConv,
    Elementwise,
    Graph,
    Int8,
    MaxPool,
    Mean,
    Node,
    Pad,
    Padding,
    Pair,
    Resize,
    Tensor,
)
from stillframe.frontend.padding import NO_PADDING, sees_through, together, unpadded, window_input
from stillframe.frontend.shapes import map_shape

from . import product
from .activations import table_of
from .product import Product
from .tables import chain, clamp_table


@dataclass(frozen=True)
class Step:
    """A device layer before anything has a place in memory.

    Attributes:
        name: Name of the node that it does (the first one, where an activation is fused).
        operators: Operators of the model, for example ``CONV_2D + PRELU``.
        op: What the device does.
        inputs: Indices into ``Lowered.tensors``: one, or the two of an ADD or CONCAT.
        output: Index into ``Lowered.tensors``.
        window: Rows and columns of the kernel or pooling window.
        strides: (vertical, horizontal).
        padding: ((top, bottom), (left, right)).
        dilation: (vertical, horizontal).
        repeat: Output rows and columns that share a window.
        product: Weights and requantisation, of a MAC layer.
        add: The node with the operands' scales, of an ADD layer.
        table: int8 (channels or 1, 256): the activation, if any.
    """

    name: str
    operators: str
    op: Op
    inputs: tuple[int, ...]
    output: int
    window: Pair = (1, 1)
    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    repeat: Pair = (1, 1)
    product: Product | None = None
    add: Add | None = None
    table: Int8 | None = None

    @property
    def takes_table_by_channel(self) -> bool:
        """Whether the words that leave the layer tell the table which channels they hold."""
        return self.op is not Op.CONCAT and (self.product is None or self.product.borders == (1, 1))

    @property
    def has_empty_windows(self) -> bool:
        """Whether a window of codes may lie beside the image: there the device gives the output's zero
        point, which then goes through the table."""
        sides = zip(self.padding, self.window, strict=True)
        return self.op is Op.POOL and any(side >= size for pair, size in sides for side in pair)


@dataclass(frozen=True)
class Lowered:
    """Device layers in execution order, and the tensors that they read and write.

    Attributes:
        steps: The layers.
        tensors: ``Graph.tensors``, and behind them those between the layers of one node.
    """

    steps: tuple[Step, ...]
    tensors: tuple[Tensor, ...]


@dataclass
class _Lowering:
    """Steps and tensors so far."""

    graph: Graph
    tensors: list[Tensor]
    readers: dict[int, list[Node]]
    kept: set[int]
    steps: list[Step] = field(default_factory=list)


_lowerings: dict[type[Node], Callable[[_Lowering, Any], None]] = {}


def lowering(*kinds: type[Node]) -> Callable[[Callable[[_Lowering, Any], None]], Callable[..., None]]:
    """Register what makes layers out of a node of one of the classes."""

    def register(function: Callable[[_Lowering, Any], None]) -> Callable[..., None]:
        _lowerings.update(dict.fromkeys(kinds, function))
        return function

    return register


def _over_window(into: _Lowering, node: Node, op: Op, window: Pair, own: Padding, **others: Any) -> None:
    """Append a layer whose window moves over the node's input, padded by ``own`` and by PADs before it."""
    source, padding = window_input(into.graph, node)
    padding = together(padding, own)
    into.steps.append(Step(node.name, node.op, op, (source,), node.output, window, padding=padding, **others))


@lowering(Conv, DepthwiseConv)
def _lower_convolution(into: _Lowering, node: Conv | DepthwiseConv) -> None:
    window = (node.weights.shape[0], node.weights.shape[1])
    of_node = product.convolution(into.graph, node)
    others = {"strides": node.strides, "dilation": node.dilation, "product": of_node}
    _over_window(into, node, Op.MAC, window, node.padding, **others)


@lowering(AveragePool)
def _lower_average_pool(into: _Lowering, node: AveragePool) -> None:
    of_node = product.average_pool(into.graph, node)
    _over_window(into, node, Op.MAC, node.window, node.padding, strides=node.strides, product=of_node)


@lowering(Mean)
def _lower_mean(into: _Lowering, node: Mean) -> None:
    height, width, _ = map_shape(into.graph.tensors[node.inputs[0]].shape)
    of_node = product.mean(into.graph, node)
    _over_window(into, node, Op.MAC, (height, width), NO_PADDING, product=of_node)


@lowering(MaxPool)
def _lower_max_pool(into: _Lowering, node: MaxPool) -> None:
    clamps = (node.act_min, node.act_max) != (-128, 127)
    table = clamp_table(node.act_min, node.act_max) if clamps else None
    _over_window(into, node, Op.POOL, node.window, node.padding, strides=node.strides, table=table)


@lowering(Pad)
def _lower_pad(into: _Lowering, node: Pad) -> None:
    readers = into.readers.get(node.output, [])
    if node.output in into.kept or not all(sees_through(into.graph, reader) for reader in readers):
        source, padding = unpadded(into.graph, node.output)
        into.steps.append(Step(node.name, node.op, Op.POOL, (source,), node.output, padding=padding))


@lowering(Resize)
def _lower_resize(into: _Lowering, node: Resize) -> None:
    into.steps.append(Step(node.name, node.op, Op.POOL, node.inputs, node.output, repeat=node.factors))


@lowering(Add)
def _lower_add(into: _Lowering, node: Add) -> None:
    into.steps.append(Step(node.name, node.op, Op.ADD, node.inputs, node.output, add=node))


@lowering(Concat)
def _lower_concat(into: _Lowering, node: Concat) -> None:
    """Two tensors a layer: of n the first n - 2 layers write tensors that the model does not have."""
    joined, *others = node.inputs
    for number, other in enumerate(others, 1):
        last = number == len(others)
        output = node.output if last else len(into.tensors)
        name = node.name if last else f"{node.name} ({number} of {len(others)})"
        if not last:
            height, width, channels = map_shape(into.tensors[joined].shape)
            channels += map_shape(into.tensors[other].shape)[2]
            whole = into.tensors[node.output]
            into.tensors.append(Tensor(name, (height, width, channels), whole.scale, whole.zero_point))
        into.steps.append(Step(name, node.op, Op.CONCAT, (joined, other), output))
        joined = output


def _lower_elementwise(into: _Lowering, node: Elementwise) -> None:
    """An activation joins the layer that makes its input if nothing else reads that; else it is a layer."""
    (source,) = node.inputs
    table = table_of(into.graph, node)
    maker = next((i for i, step in enumerate(into.steps) if step.output == source), None)
    if maker is not None and len(into.readers[source]) == 1 and source not in into.kept:
        step = into.steps[maker]
        zero_points = {into.tensors[source].zero_point, into.tensors[node.output].zero_point}
        fits = step.takes_table_by_channel or len(table) == 1
        if fits and not (step.has_empty_windows and len(zero_points) > 1):
            joined = table if step.table is None else chain(step.table, table)
            into.steps[maker] = replace(
                step, operators=f"{step.operators} + {node.op}", output=node.output, table=joined
            )
            return
    into.steps.append(Step(node.name, node.op, Op.POOL, node.inputs, node.output, table=table))


def lower(graph: Graph) -> Lowered:
    """The device layers that compute ``graph``.

    Raises:
        StillframeError: A node has no lowering.
    """
    readers: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    into = _Lowering(
        graph=graph,
        tensors=list(graph.tensors),
        readers=readers,
        kept={output.tensor for output in graph.outputs} | {graph.input.tensor},
    )
    for node in graph.nodes:
        if isinstance(node, Elementwise):
            _lower_elementwise(into, node)
        elif type(node) in _lowerings:
            _lowerings[type(node)](into, node)
        else:
            raise StillframeError(
                f"layer {node.name!r}: expected an operator that the accelerator executes, got {node.op}",
                "take the layer out, or end the model before it with --split",
            )
    return Lowered(tuple(into.steps), tuple(into.tensors))
