"""One module for each family of operators; importing the package registers them all."""

from . import add, conv, hard_swish, lookup, move, mul, pool, prelu, relu
from .registry import golden_layer, make_layer

__all__ = [
    "add",
    "conv",
    "golden_layer",
    "hard_swish",
    "lookup",
    "make_layer",
    "move",
    "mul",
    "pool",
    "prelu",
    "relu",
]
