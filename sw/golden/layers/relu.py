"""RELU, RELU6, RELU_N1_TO_1 as operators of their own, QUANTIZE of int8 to int8, and LEAKY_RELU."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Graph, LeakyRelu, Relu

from ..arithmetic import multiply_by_quantised_multiplier
from .registry import golden_layer


@golden_layer(Relu)
class GoldenRelu(keras.layers.Layer):
    """Rescale, then clamp to the activation's range. Input and output: int8 codes of any one shape."""

    def __init__(self, graph: Graph, node: Relu) -> None:
        super().__init__(trainable=False)
        self.zero_point_in = graph.tensors[node.inputs[0]].zero_point
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.node = node

    def call(self, codes: Any) -> Any:
        x = ops.cast(codes, "int64") - self.zero_point_in
        code = (
            multiply_by_quantised_multiplier(x, self.node.multiplier, self.node.shift) + self.zero_point_out
        )
        return ops.cast(ops.clip(code, self.node.act_min, self.node.act_max), "int8")


@golden_layer(LeakyRelu)
class GoldenLeakyRelu(keras.layers.Layer):
    """Values are rescaled by one multiplier from the zero point up, by another below it.

    Input and output: int8 codes of any one shape.
    """

    def __init__(self, graph: Graph, node: LeakyRelu) -> None:
        super().__init__(trainable=False)
        self.zero_point_in = graph.tensors[node.inputs[0]].zero_point
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.node = node

    def call(self, codes: Any) -> Any:
        x = ops.cast(codes, "int64") - self.zero_point_in
        above = multiply_by_quantised_multiplier(x, *self.node.positive)
        below = multiply_by_quantised_multiplier(x, *self.node.negative)
        return ops.cast(ops.clip(ops.where(x >= 0, above, below) + self.zero_point_out, -128, 127), "int8")
