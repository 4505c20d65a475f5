"""CONV_2D: any kernel and stride, dilation 1 or 2, SAME or VALID, with a fused activation that is a range."""

from __future__ import annotations

import numpy as np
import tflite

from ..graph import Conv
from ..operation import CONVERT_AGAIN, Operation
from ..shapes import map_shape
from .convolution import OPTIONS, window_and_scales
from .registry import handler


@handler("CONV_2D")
def conv_2d(operation: Operation) -> None:
    """Read a convolution without groups."""
    options = operation.raw.options(tflite.Conv2DOptions, *OPTIONS)
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    channels = map_shape(source.shape)[2]
    weights = operation.constant(1, "INT8", "weights")
    if weights.ndim != 4:
        raise operation.error("weights with 4 dimensions", f"{weights.ndim}", CONVERT_AGAIN)
    if weights.shape[3] != channels:
        raise operation.error(
            f"a kernel over all {channels} input channels",
            f"one over {weights.shape[3]} (groups)",
            "use a convolution with groups=1",
        )
    size, attributes = window_and_scales(operation, source, options, weights, axis=0)
    kernel = np.ascontiguousarray(weights.transpose(1, 2, 3, 0), np.int8)
    operation.add(
        lambda name, index: Conv(name, "CONV_2D", (tensor,), index, weights=kernel, **attributes),
        (*size, weights.shape[0]),
    )
