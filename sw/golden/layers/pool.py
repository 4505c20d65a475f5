"""MAX_POOL_2D on codes; AVERAGE_POOL_2D and MEAN as sums that are divided when they are requantised."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import AveragePool, Graph, MaxPool, Mean
from stillframe.frontend.shapes import map_shape

from ..arithmetic import multiply_by_quantised_multiplier
from .linear import GoldenLinear, taps
from .registry import golden_layer


@golden_layer(MaxPool)
class GoldenMaxPool(keras.layers.Layer):
    """The maximum over the window's pixels inside the image, then the fused activation's range.

    Input and output: int8 codes, (frames, height, width, channels).
    """

    def __init__(self, graph: Graph, node: MaxPool) -> None:
        super().__init__(trainable=False)
        self.node = node

    def call(self, codes: Any) -> Any:
        # Below every code, so padding never wins.
        padded = ops.pad(
            ops.cast(codes, "float32"), ((0, 0), *self.node.padding, (0, 0)), constant_values=-129.0
        )
        largest = ops.max_pool(padded, self.node.window, self.node.strides, "valid")
        return ops.cast(ops.clip(largest, self.node.act_min, self.node.act_max), "int8")


@golden_layer(AveragePool)
class GoldenAveragePool(GoldenLinear):
    """The mean of the codes inside the image, halves away from zero, then the fused activation's range."""

    def __init__(self, graph: Graph, node: AveragePool) -> None:
        super().__init__(graph, node)
        self.node = node
        height, width, _ = map_shape(graph.tensors[node.inputs[0]].shape)
        self.count = self.accumulate(ops.ones((1, height, width, 1), "int64"))

    def accumulate(self, values: Any) -> Any:
        node = self.node
        return sum(seen for _, _, seen in taps(values, node.window, node.strides, node.padding))

    def requantise(self, accumulators: Any) -> Any:
        total = accumulators + self.count * self.zero_point_in
        mean = ops.sign(total) * ((ops.abs(total) + self.count // 2) // self.count)
        return ops.cast(ops.clip(mean, self.node.act_min, self.node.act_max), "int8")


@golden_layer(Mean)
class GoldenMean(GoldenLinear):
    """The sum over the whole map, rescaled to its mean. Output: (frames, 1, 1, channels)."""

    def __init__(self, graph: Graph, node: Mean) -> None:
        super().__init__(graph, node)
        self.node = node

    def accumulate(self, values: Any) -> Any:
        return ops.sum(values, axis=(1, 2), keepdims=True)

    def requantise(self, accumulators: Any) -> Any:
        mean = multiply_by_quantised_multiplier(accumulators, self.node.multiplier, self.node.shift)
        return ops.cast(ops.clip(mean + self.zero_point_out, -128, 127), "int8")
