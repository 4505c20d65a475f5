"""ADD and SUB of two tensors, or of one and a constant."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import ADD_LEFT_SHIFT, Add, AddConstant, Graph, Pair

from ..arithmetic import multiply_by_quantised_multiplier
from .registry import golden_layer


def _fine(codes: Any, zero_point: int, multiplier: Pair) -> Any:
    """An operand on the common fine scale, int64."""
    x = ops.cast(codes, "int64") - zero_point
    return multiply_by_quantised_multiplier(x * 2**ADD_LEFT_SHIFT, *multiplier)


class _Sum(keras.layers.Layer):
    """Both operands on a common fine scale, their sum rescaled, then clamped."""

    def __init__(self, graph: Graph, node: Add | AddConstant) -> None:
        super().__init__(trainable=False)
        self.zero_point_in = [graph.tensors[i].zero_point for i in node.inputs]
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.result, self.clamp = node.result, (node.act_min, node.act_max)

    def finish(self, total: Any) -> Any:
        """The sum on the fine scale to codes."""
        code = multiply_by_quantised_multiplier(total, *self.result) + self.zero_point_out
        return ops.cast(ops.clip(code, *self.clamp), "int8")


@golden_layer(Add)
class GoldenAdd(_Sum):
    """Of two tensors. Inputs and output: int8 codes of one shape."""

    def __init__(self, graph: Graph, node: Add) -> None:
        super().__init__(graph, node)
        multiplier, shift = node.second
        # TFLite subtracts by a negative multiplier, which rounds exact halves the other way.
        self.multipliers = (node.first, (-multiplier if node.subtract else multiplier, shift))

    def call(self, first: Any, second: Any) -> Any:
        operands = zip((first, second), self.zero_point_in, self.multipliers, strict=True)
        return self.finish(sum(_fine(*operand) for operand in operands))


@golden_layer(AddConstant)
class GoldenAddConstant(_Sum):
    """Of a tensor and a constant a channel. Input and output: int8 codes, channels last."""

    def __init__(self, graph: Graph, node: AddConstant) -> None:
        super().__init__(graph, node)
        self.multiplier = node.tensor
        self.constant = _fine(node.constant, node.constant_zero_point, node.of_constant)

    def call(self, codes: Any) -> Any:
        return self.finish(_fine(codes, self.zero_point_in[0], self.multiplier) + self.constant)
