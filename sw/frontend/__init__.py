"""The front end: Keras models, SavedModels and int8 ``.tflite`` files to a
:class:`~stillframe.frontend.graph.Graph`.

Importing this package loads neither TensorFlow nor the flatbuffer schema; using the readers does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph import Conv, Graph, GraphInput, GraphOutput, MaxPool, Node, PRelu, Relu, Tensor
from .thresholds import thresholds_for

if TYPE_CHECKING:
    from .keras_reader import from_keras
    from .saved_model import from_saved_model
    from .tflite_reader import read_tflite

__all__ = [
    "Conv",
    "Graph",
    "GraphInput",
    "GraphOutput",
    "MaxPool",
    "Node",
    "PRelu",
    "Relu",
    "Tensor",
    "from_keras",
    "from_saved_model",
    "read_tflite",
    "thresholds_for",
]


def __getattr__(name: str) -> Any:
    match name:
        case "from_keras":
            from .keras_reader import from_keras

            return from_keras
        case "from_saved_model":
            from .saved_model import from_saved_model

            return from_saved_model
        case "read_tflite":
            from .tflite_reader import read_tflite

            return read_tflite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
