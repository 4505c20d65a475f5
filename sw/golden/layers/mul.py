"""MUL of a tensor and a constant."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Graph, MulConstant

from ..arithmetic import multiply_by_quantised_multiplier
from .registry import golden_layer


@golden_layer(MulConstant)
class GoldenMulConstant(keras.layers.Layer):
    """The product of both less their zero points, rescaled, then clamped.

    Input and output: int8 codes, channels last.
    """

    def __init__(self, graph: Graph, node: MulConstant) -> None:
        super().__init__(trainable=False)
        self.zero_point_in = graph.tensors[node.inputs[0]].zero_point
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.constant = ops.convert_to_tensor(node.constant.astype("int64")) - node.constant_zero_point
        self.node = node

    def call(self, codes: Any) -> Any:
        product = (ops.cast(codes, "int64") - self.zero_point_in) * self.constant
        code = multiply_by_quantised_multiplier(product, self.node.multiplier, self.node.shift)
        return ops.cast(ops.clip(code + self.zero_point_out, self.node.act_min, self.node.act_max), "int8")
