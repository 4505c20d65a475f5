"""ADD and SUB of two tensors."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import ADD_LEFT_SHIFT, Add, Graph

from ..arithmetic import multiply_by_quantised_multiplier
from .registry import golden_layer


@golden_layer(Add)
class GoldenAdd(keras.layers.Layer):
    """Both operands on a common fine scale, their sum or difference rescaled, then clamped.

    Inputs and output: int8 codes of one shape.
    """

    def __init__(self, graph: Graph, node: Add) -> None:
        super().__init__(trainable=False)
        self.zero_points_in = [graph.tensors[i].zero_point for i in node.inputs]
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.node = node

    def call(self, first: Any, second: Any) -> Any:
        node = self.node
        multiplier, shift = node.second
        # TFLite subtracts by a negative multiplier, which rounds exact halves the other way.
        signed = (-multiplier if node.subtract else multiplier, shift)
        total = self._fine(first, 0, node.first) + self._fine(second, 1, signed)
        code = multiply_by_quantised_multiplier(total, *node.result) + self.zero_point_out
        return ops.cast(ops.clip(code, node.act_min, node.act_max), "int8")

    def _fine(self, codes: Any, operand: int, multiplier: tuple[int, int]) -> Any:
        x = ops.cast(codes, "int64") - self.zero_points_in[operand]
        return multiply_by_quantised_multiplier(x * 2**ADD_LEFT_SHIFT, *multiplier)
