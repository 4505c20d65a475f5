"""RESHAPE, SQUEEZE and EXPAND_DIMS: the same elements in the same order, so no work, only another view."""

from __future__ import annotations

import numpy as np

from ..operation import CONVERT_AGAIN, Operation
from .registry import handler


@handler("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def reshape(operation: Operation) -> None:
    """Read a reshape that keeps the batch of 1."""
    value = operation.value()
    shape = operation.output_shape()
    if np.prod(shape, dtype=np.int64) != np.prod(value.shape, dtype=np.int64):
        raise operation.error(
            f"an output of {np.prod(value.shape, dtype=np.int64)} elements",
            " x ".join(map(str, shape)),
            CONVERT_AGAIN,
        )
    operation.alias(shape)
