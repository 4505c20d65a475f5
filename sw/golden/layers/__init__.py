"""One module for each family of operators; importing the package registers them all."""

from . import add, conv, move, pool, prelu, relu
from .registry import golden_layer, make_layer

__all__ = ["add", "conv", "golden_layer", "make_layer", "move", "pool", "prelu", "relu"]
