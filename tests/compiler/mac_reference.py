"""Multiplications counted one by one: of a dense frame, and for the elements of the input that are events."""

from __future__ import annotations

import numpy as np
from graph_reference import Ints, windows

from stillframe.frontend import Conv, Graph, Node
from stillframe.frontend.graph import AveragePool, DepthwiseConv, Mean, Pad


def macs(graph: Graph, node: Node, elements: Ints) -> int:
    """Multiplications of a layer for the elements of its input that are 1 in a tensor of that shape."""
    x = elements.reshape((1, 1, *graph.tensors[node.inputs[0]].shape)[-3:])
    match node:
        case Conv() | DepthwiseConv():
            fields = windows(x, node.weights.shape[:2], node.strides, node.padding, 0, node.dilation)
            return int(fields.sum()) * node.weights.shape[3]
        case AveragePool():
            return int(windows(x, node.window, node.strides, node.padding, 0).sum())
        case Mean():
            return int(x.sum())
    raise AssertionError(node)


def dense_macs(graph: Graph, node: Node, read: int) -> int:
    """Multiplications of a dense frame of a layer that reads ``read``, in place perhaps of a padded one."""
    return macs(graph, node, _inside(graph, node.inputs[0], read))


def _inside(graph: Graph, tensor: int, read: int) -> Ints:
    """1 where a tensor's elements are those of ``read``, 0 where PADs put them."""
    if tensor == read:
        return np.ones(graph.tensors[tensor].shape, np.int64)
    (pad,) = [node for node in graph.nodes if node.output == tensor]
    assert isinstance(pad, Pad), "only a PAD may be left out"
    return np.pad(_inside(graph, pad.inputs[0], read), (*pad.padding, (0, 0)))
