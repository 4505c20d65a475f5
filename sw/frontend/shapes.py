"""Shapes of one frame: as maps, and as text for messages."""

from __future__ import annotations


def map_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(height, width, channels) of a device tensor; (features,) is a map of one pixel."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (1, 1, shape[0])


def shape_text(shape: tuple[int, ...]) -> str:
    """``48 x 60 x 3``."""
    return " x ".join(map(str, shape)) or "a scalar"
