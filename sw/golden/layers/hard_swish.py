"""HARD_SWISH in 16-bit fixed point, step by step as TensorFlow Lite's kernel."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Graph, HardSwish

from ..arithmetic import rounding_divide_by_power, rounding_doubling_high_mul
from .registry import golden_layer

FRACTION_BITS = 15


def _saturate(x: Any) -> Any:
    """The nearest value that an int16 holds."""
    return ops.clip(x, -(2**15), 2**15 - 1)


@golden_layer(HardSwish)
class GoldenHardSwish(keras.layers.Layer):
    """x times its gate. Input and output: int8 codes of any one shape."""

    def __init__(self, graph: Graph, node: HardSwish) -> None:
        super().__init__(trainable=False)
        self.zero_point_in = graph.tensors[node.inputs[0]].zero_point
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.node = node

    def call(self, codes: Any) -> Any:
        x = (ops.cast(codes, "int64") - self.zero_point_in) * 2**7
        multiplier, exponent = self.node.output_scale
        product = self._gate(x) * rounding_doubling_high_mul(x, multiplier, FRACTION_BITS)
        truncated = ops.sign(product) * ops.right_shift(ops.abs(product), FRACTION_BITS)
        code = rounding_divide_by_power(truncated, ops.convert_to_tensor(-exponent, "int64"))
        return ops.cast(ops.clip(code + self.zero_point_out, -128, 127), "int8")

    def _gate(self, x: Any) -> Any:
        """(x + 3) / 6 clipped to 0..1, in Q15."""
        multiplier, exponent = self.node.reluish
        if exponent > 0:  # all but one bit to the left first, so that the last one saturates
            x = _saturate(x * 2 ** (exponent - 1))
        x = rounding_doubling_high_mul(x, multiplier, FRACTION_BITS)
        if exponent > 0:
            x = _saturate(2 * x)
        if exponent < 0:
            x = rounding_divide_by_power(x, ops.convert_to_tensor(-exponent, "int64"))
        return ops.right_shift(x + 2**FRACTION_BITS, 1)
