"""PRELU as TensorFlow Lite computes it: not by the compiler's tables, which it checks."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Graph, PRelu

from ..arithmetic import multiply_by_quantised_multiplier
from .registry import golden_layer


@golden_layer(PRelu)
class GoldenPRelu(keras.layers.Layer):
    """Values from the zero point up are rescaled; below it they are multiplied by the slope and rescaled.

    Input and output: int8 codes, (frames, height, width, channels).
    """

    def __init__(self, graph: Graph, node: PRelu) -> None:
        super().__init__(trainable=False)
        self.zero_point_in = graph.tensors[node.inputs[0]].zero_point
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.node = node
        self.alpha = ops.convert_to_tensor(node.alpha.astype("int64")) - node.alpha_zero_point

    def call(self, codes: Any) -> Any:
        x = ops.cast(codes, "int64") - self.zero_point_in
        above = multiply_by_quantised_multiplier(x, *self.node.positive)
        below = multiply_by_quantised_multiplier(x * self.alpha, *self.node.negative)
        return ops.cast(ops.clip(ops.where(x >= 0, above, below) + self.zero_point_out, -128, 127), "int8")
