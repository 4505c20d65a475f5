"""The table of every node that makes each output code from one input code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stillframe.frontend.graph import (
    AddConstant,
    Elementwise,
    Graph,
    HardSwish,
    Int8,
    LeakyRelu,
    Lookup,
    MulConstant,
    PRelu,
    Relu,
    Tensor,
)

from .tables import (
    add_constant_table,
    hard_swish_table,
    leaky_relu_table,
    lookup_table,
    mul_constant_table,
    prelu_table,
    relu_table,
)

_TABLES: dict[type[Elementwise], Callable[[Any, Tensor, Tensor], Int8]] = {
    AddConstant: add_constant_table,
    HardSwish: hard_swish_table,
    LeakyRelu: leaky_relu_table,
    Lookup: lookup_table,
    MulConstant: mul_constant_table,
    PRelu: prelu_table,
    Relu: relu_table,
}


def table_of(graph: Graph, node: Elementwise) -> Int8:
    """The output codes of an elementwise node.

    Returns:
        int8, (channels, 256), or (1, 256) if all channels have the same; column 0 belongs to code -128.
    """
    table = _TABLES[type(node)](node, graph.tensors[node.inputs[0]], graph.tensors[node.output])
    return table[:1] if (table == table[0]).all() else table
