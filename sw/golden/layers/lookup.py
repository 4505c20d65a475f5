"""LOGISTIC and TANH, which TensorFlow Lite does by a table."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Graph, Lookup

from .registry import golden_layer


@golden_layer(Lookup)
class GoldenLookup(keras.layers.Layer):
    """The table's code for each code. Input and output: int8 codes of any one shape."""

    def __init__(self, graph: Graph, node: Lookup) -> None:
        super().__init__(trainable=False)
        self.codes = ops.convert_to_tensor(node.codes)

    def call(self, codes: Any) -> Any:
        return ops.take(self.codes, ops.cast(codes, "int32") + 128)
