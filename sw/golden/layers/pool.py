"""MAX_POOL_2D on codes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Graph, MaxPool

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
