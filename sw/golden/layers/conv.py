"""CONV_2D and FULLY_CONNECTED in exact integers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Conv, Graph

from ..arithmetic import multiply_by_quantised_multiplier, round_half_away, wrap_int32
from .registry import golden_layer


@golden_layer(Conv)
class GoldenConv(keras.layers.Layer):
    """A convolution in two steps, so that the accumulators can be kept between frames.

    Input and output: int8 codes, (frames, height, width, channels).
    """

    def __init__(self, graph: Graph, node: Conv) -> None:
        super().__init__(name=None, trainable=False)
        self.zero_point_in = graph.tensors[node.inputs[0]].zero_point
        self.zero_point_out = graph.tensors[node.output].zero_point
        self.node = node
        # Doubles hold every sum of products exactly: 2**53 is far above any accumulator.
        self.kernel = ops.convert_to_tensor(node.weights.astype("float64"), "float64")
        self.bias = ops.convert_to_tensor(node.bias.astype("int64"))
        self.multiplier = ops.convert_to_tensor(node.multiplier.astype("int64"))
        self.shift = ops.convert_to_tensor(node.shift.astype("int64"))
        self.real_multiplier = None
        if node.real_multiplier is not None:
            self.real_multiplier = ops.convert_to_tensor(node.real_multiplier, "float64")

    def accumulate(self, values: Any) -> Any:
        """W * values without bias, int64: ``values`` are codes less the zero point, or their differences."""
        padded = ops.pad(ops.cast(values, "float64"), ((0, 0), *self.node.padding, (0, 0)))
        return ops.cast(ops.conv(padded, self.kernel, self.node.strides, "valid"), "int64")

    def requantise(self, accumulators: Any) -> Any:
        """Accumulators without bias to int8 codes."""
        x = wrap_int32(accumulators + self.bias)
        if self.real_multiplier is None:
            code = multiply_by_quantised_multiplier(x, self.multiplier, self.shift)
        else:
            code = round_half_away(ops.cast(x, "float64") * self.real_multiplier)
        code = code + self.zero_point_out
        return ops.cast(ops.clip(code, self.node.act_min, self.node.act_max), "int8")

    def call(self, codes: Any) -> Any:
        return self.requantise(self.accumulate(ops.cast(codes, "int64") - self.zero_point_in))
