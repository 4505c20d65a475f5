"""MAX_POOL_2D and AVERAGE_POOL_2D: they work on codes, so input and output must have one quantisation."""

from __future__ import annotations

import tflite

from ..graph import AveragePool, MaxPool
from ..operation import Operation
from ..shapes import map_shape
from .common import fused_range, same_quantisation, window_geometry
from .registry import handler


@handler("MAX_POOL_2D", "AVERAGE_POOL_2D")
def pool_2d(operation: Operation) -> None:
    """Read a pooling."""
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
    same_quantisation(operation, source)
    act_min, act_max = fused_range(operation, activation)
    kind = MaxPool if operation.raw.op == "MAX_POOL_2D" else AveragePool
    operation.add(
        lambda name, index: kind(
            name=name,
            op=operation.raw.op,
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
