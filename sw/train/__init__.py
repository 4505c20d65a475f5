"""Training for temporal sparsity: the Delta Activation Layer (arXiv 2107.07305) for Keras 3 on TensorFlow."""

from .delta_activation import DeltaActivation
from .export import export
from .fold_batch_norm import fold_batch_norm
from .mac_layers import QuantisedConv2D, QuantisedDense, QuantisedDepthwiseConv2D
from .setups import SETUPS, Setup
from .sparsify import sparsify
from .sparsity import LayerSparsity, set_clip, set_penalty, sparsity, total

__all__ = [
    "SETUPS",
    "DeltaActivation",
    "LayerSparsity",
    "QuantisedConv2D",
    "QuantisedDense",
    "QuantisedDepthwiseConv2D",
    "Setup",
    "export",
    "fold_batch_norm",
    "set_clip",
    "set_penalty",
    "sparsify",
    "sparsity",
    "total",
]
