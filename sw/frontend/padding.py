"""PADs in front of what sees nothing outside the image anyway: there they only move a window."""

from __future__ import annotations

from .graph import AveragePool, Conv, DepthwiseConv, Graph, MaxPool, Mean, Node, Pad, Padding

NO_PADDING: Padding = ((0, 0), (0, 0))


def together(first: Padding, second: Padding) -> Padding:
    """Both paddings, one around the other."""
    (a, b), (c, d) = first
    (e, f), (g, h) = second
    return (a + e, b + f), (c + g, d + h)


def unpadded(graph: Graph, tensor: int) -> tuple[int, Padding]:
    """The tensor that PADs make ``tensor`` of, and what they add to it."""
    padding = NO_PADDING
    makers = {node.output: node for node in graph.nodes if isinstance(node, Pad)}
    while tensor in makers:
        padding = together(padding, makers[tensor].padding)
        (tensor,) = makers[tensor].inputs
    return tensor, padding


def sees_through(graph: Graph, node: Node) -> bool:
    """Whether a node gives the same if the zero points that a PAD adds are left out of its window."""
    match node:
        case Conv() | DepthwiseConv() | Mean() | Pad():
            return True
        case AveragePool():  # TFLite counts what a PAD added, but not its own padding
            return node.padding == NO_PADDING
        case MaxPool():
            return node.padding == NO_PADDING and graph.tensors[node.inputs[0]].zero_point == -128
    return False


def window_input(graph: Graph, node: Node) -> tuple[int, Padding]:
    """The tensor that a node's window moves over, and the padding that PADs add to the window's own."""
    return unpadded(graph, node.inputs[0]) if sees_through(graph, node) else (node.inputs[0], NO_PADDING)
