"""Which Keras layer computes which node of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from keras.layers import Layer

from stillframe.frontend.graph import Graph, Node

_LAYERS: dict[type[Node], type[Layer]] = {}

L = TypeVar("L", bound=type[Layer])


def golden_layer(node: type[Node]) -> Callable[[L], L]:
    """Register a Keras layer class, made from (graph, node), for a node class."""

    def register(layer: L) -> L:
        _LAYERS[node] = layer
        return layer

    return register


def make_layer(graph: Graph, node: Node) -> Any:
    """The layer that computes ``node``."""
    return _LAYERS[type(node)](graph, node)
