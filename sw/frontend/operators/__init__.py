"""One module for each family of operators; importing the package registers them all."""

from . import add, conv, depthwise_conv, fully_connected, host, mean, pool, prelu, relu, reshape
from .registry import HANDLERS, handler

__all__ = [
    "HANDLERS",
    "add",
    "conv",
    "depthwise_conv",
    "fully_connected",
    "handler",
    "host",
    "mean",
    "pool",
    "prelu",
    "relu",
    "reshape",
]
