"""CONV_2D, FULLY_CONNECTED and DEPTHWISE_CONV_2D in exact integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from stillframe.frontend.graph import Conv, DepthwiseConv, Graph

from ..arithmetic import multiply_by_quantised_multiplier, round_half_away, wrap_int32
from .linear import GoldenLinear, taps
from .registry import golden_layer


class _Convolution(GoldenLinear):
    """The requantisation that all convolutions share; accumulators are without bias."""

    def __init__(self, graph: Graph, node: Conv | DepthwiseConv) -> None:
        super().__init__(graph, node)
        self.clamp = (node.act_min, node.act_max)
        self.bias = ops.convert_to_tensor(node.bias.astype("int64"))
        self.multiplier = ops.convert_to_tensor(node.multiplier.astype("int64"))
        self.shift = ops.convert_to_tensor(node.shift.astype("int64"))

    def rescale(self, x: Any) -> Any:
        """int32 accumulators with bias, as int64, to codes less the zero point."""
        return multiply_by_quantised_multiplier(x, self.multiplier, self.shift)

    def requantise(self, accumulators: Any) -> Any:
        code = self.rescale(wrap_int32(accumulators + self.bias)) + self.zero_point_out
        return ops.cast(ops.clip(code, *self.clamp), "int8")


@golden_layer(Conv)
class GoldenConv(_Convolution):
    """A convolution over all channels."""

    def __init__(self, graph: Graph, node: Conv) -> None:
        super().__init__(graph, node)
        self.strides, self.padding = node.strides, node.padding
        rows, columns, *channels = node.weights.shape
        # Dilation as a larger kernel with zeros in it: TensorFlow does not take it together with strides.
        down, right = node.dilation
        kernel = np.zeros(((rows - 1) * down + 1, (columns - 1) * right + 1, *channels))
        kernel[::down, ::right] = node.weights
        # Doubles hold every sum of products exactly: 2**53 is far above any accumulator.
        self.kernel = ops.convert_to_tensor(kernel, "float64")
        self.real_multiplier = None
        if node.real_multiplier is not None:
            self.real_multiplier = ops.convert_to_tensor(node.real_multiplier, "float64")

    def accumulate(self, values: Any) -> Any:
        padded = ops.pad(ops.cast(values, "float64"), ((0, 0), *self.padding, (0, 0)))
        return ops.cast(ops.conv(padded, self.kernel, self.strides, "valid"), "int64")

    def rescale(self, x: Any) -> Any:
        if self.real_multiplier is None:
            return super().rescale(x)
        return round_half_away(ops.cast(x, "float64") * self.real_multiplier)


@golden_layer(DepthwiseConv)
class GoldenDepthwiseConv(_Convolution):
    """A convolution in which output channel ``c * m + q`` reads input channel ``c`` alone."""

    def __init__(self, graph: Graph, node: DepthwiseConv) -> None:
        super().__init__(graph, node)
        self.node = node
        self.kernel = ops.convert_to_tensor(node.weights.astype("int64"))

    def accumulate(self, values: Any) -> Any:
        node = self.node
        places = taps(values, node.weights.shape[:2], node.strides, node.padding, node.dilation)
        total = sum(seen[..., None] * self.kernel[row, column] for row, column, seen in places)
        return ops.reshape(total, (*total.shape[:3], -1))
