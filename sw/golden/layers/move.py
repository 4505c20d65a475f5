"""CONCATENATION, PAD and RESIZE_NEAREST_NEIGHBOR: codes are moved, not computed."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Concat, Graph, Pad, Resize

from .registry import golden_layer


@golden_layer(Concat)
class GoldenConcat(keras.layers.Layer):
    """The channels of all inputs, int8, (frames, height, width, ...), one behind the other."""

    def __init__(self, graph: Graph, node: Concat) -> None:
        super().__init__(trainable=False)

    def call(self, *codes: Any) -> Any:
        return ops.concatenate(codes, axis=-1)


@golden_layer(Pad)
class GoldenPad(keras.layers.Layer):
    """The map, int8, (frames, height, width, channels), with the zero point around it."""

    def __init__(self, graph: Graph, node: Pad) -> None:
        super().__init__(trainable=False)
        self.zero_point = graph.tensors[node.output].zero_point
        self.padding = node.padding

    def call(self, codes: Any) -> Any:
        return ops.pad(codes, ((0, 0), *self.padding, (0, 0)), constant_values=self.zero_point)


@golden_layer(Resize)
class GoldenResize(keras.layers.Layer):
    """Each pixel of the map, int8, (frames, height, width, channels), as often as the factors say."""

    def __init__(self, graph: Graph, node: Resize) -> None:
        super().__init__(trainable=False)
        self.factors = node.factors

    def call(self, codes: Any) -> Any:
        vertical, horizontal = self.factors
        return ops.repeat(ops.repeat(codes, vertical, axis=1), horizontal, axis=2)
