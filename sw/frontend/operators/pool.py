"""MAX_POOL_2D: the maximum of codes, so input and output must have one quantisation."""

from __future__ import annotations

import tflite

from ..graph import MaxPool
from ..operation import Operation
from ..shapes import map_shape
from .common import fused_range, window_geometry
from .registry import handler


@handler("MAX_POOL_2D")
def max_pool_2d(operation: Operation) -> None:
    """Read a max pooling."""
    padding, stride_y, stride_x, rows, columns, activation = operation.raw.options(
        tflite.Pool2DOptions,
        "Padding",
        "StrideH",
        "StrideW",
        "FilterHeight",
        "FilterWidth",
        "FusedActivationFunction",
    )
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    height, width, channels = map_shape(source.shape)
    strides, window = (stride_y, stride_x), (rows, columns)
    size, pads = window_geometry(operation, (height, width), window, strides, padding)
    scale, zero_point = operation.quantisation(operation.output)
    if (scale, zero_point) != (source.scale, source.zero_point):
        raise operation.error(
            f"an output quantised as the input, scale {source.scale} and zero point {source.zero_point}",
            f"{scale} and {zero_point}",
            "convert the model again with TensorFlow's converter, which keeps them equal",
        )
    act_min, act_max = fused_range(operation, activation)
    operation.add(
        lambda name, index: MaxPool(
            name=name,
            op="MAX_POOL_2D",
            inputs=(tensor,),
            output=index,
            window=window,
            strides=strides,
            padding=pads,
            act_min=act_min,
            act_max=act_max,
        ),
        (*size, channels),
    )
