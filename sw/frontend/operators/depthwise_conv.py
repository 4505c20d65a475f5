"""DEPTHWISE_CONV_2D: each input channel makes its own output channels, as many as the depth multiplier."""

from __future__ import annotations

import numpy as np
import tflite

from ..graph import DepthwiseConv
from ..operation import CONVERT_AGAIN, Operation
from ..shapes import map_shape
from .common import MAX_DEPTH_MULTIPLIER
from .convolution import OPTIONS, window_and_scales
from .registry import handler


@handler("DEPTHWISE_CONV_2D")
def depthwise_conv_2d(operation: Operation) -> None:
    """Read a depthwise convolution. Its multiplier is what the weights' shape says, as in TFLite's kernel."""
    options = operation.raw.options(tflite.DepthwiseConv2DOptions, *OPTIONS)
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    channels = map_shape(source.shape)[2]
    weights = operation.constant(1, "INT8", "weights")
    if weights.ndim != 4 or weights.shape[0] != 1 or weights.shape[3] % channels:
        raise operation.error(
            f"weights of 1 x rows x columns x a multiple of {channels} channels",
            " x ".join(map(str, weights.shape)),
            CONVERT_AGAIN,
        )
    _, rows, columns, out_channels = weights.shape
    multiple = out_channels // channels
    if multiple > MAX_DEPTH_MULTIPLIER:
        raise operation.error(
            f"a depth multiplier of 1 to {MAX_DEPTH_MULTIPLIER}",
            f"{multiple}",
            "use a smaller one, or CONV_2D with groups=1",
        )
    size, attributes = window_and_scales(operation, source, options, weights, axis=3)
    kernel = np.ascontiguousarray(weights.reshape(rows, columns, channels, multiple), np.int8)
    operation.add(
        lambda name, index: DepthwiseConv(
            name, "DEPTHWISE_CONV_2D", (tensor,), index, weights=kernel, **attributes
        ),
        (*size, out_channels),
    )
