"""One module for each family of operators; importing the package registers them all."""

from . import (
    add,
    concat,
    conv,
    depthwise_conv,
    fully_connected,
    hard_swish,
    host,
    leaky_relu,
    lookup,
    mean,
    mul,
    pad,
    pool,
    prelu,
    relu,
    reshape,
    resize,
)
from .registry import HANDLERS, handler

__all__ = [
    "HANDLERS",
    "add",
    "concat",
    "conv",
    "depthwise_conv",
    "fully_connected",
    "handler",
    "hard_swish",
    "host",
    "leaky_relu",
    "lookup",
    "mean",
    "mul",
    "pad",
    "pool",
    "prelu",
    "relu",
    "reshape",
    "resize",
]
