"""The accelerator for small parts: a microcoded machine with units for what is hot."""

from .machine import CompactAccelerator

__all__ = ["CompactAccelerator"]
