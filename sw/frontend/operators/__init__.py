"""One module for each family of operators; importing the package registers them all."""

from . import conv, fully_connected, host, pool, prelu, relu, reshape
from .registry import HANDLERS, handler

__all__ = ["HANDLERS", "conv", "fully_connected", "handler", "host", "pool", "prelu", "relu", "reshape"]
