"""DEPTHWISE_CONV_2D: each input channel makes its own output channels, as many as the depth multiplier."""

from __future__ import annotations

import numpy as np
import tflite

from ..graph import DepthwiseConv
from ..operation import CONVERT_AGAIN, Operation
from ..quantise import accumulator_range, quantise_multiplier, real_multipliers
from ..shapes import map_shape
from .common import (
    MAX_DEPTH_MULTIPLIER,
    bias_or_zeros,
    check_overflow,
    fused_range,
    requantisation,
    window_geometry,
)
from .registry import handler


@handler("DEPTHWISE_CONV_2D")
def depthwise_conv_2d(operation: Operation) -> None:
    """Read a depthwise convolution. Its multiplier is what the weights' shape says, as in TFLite's kernel."""
    padding, stride_y, stride_x, dilation_y, dilation_x, activation = operation.raw.options(
        tflite.DepthwiseConv2DOptions,
        "Padding",
        "StrideH",
        "StrideW",
        "DilationHFactor",
        "DilationWFactor",
        "FusedActivationFunction",
    )
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    height, width, channels = map_shape(source.shape)
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
    strides, dilation = (stride_y, stride_x), (dilation_y, dilation_x)
    size, pads = window_geometry(operation, (height, width), (rows, columns), strides, padding, dilation)
    scale_out, _ = operation.quantisation(operation.output)
    scales = operation.weight_scales(1, out_channels, axis=3)
    multipliers = [quantise_multiplier(real) for real in real_multipliers(source.scale, scales, scale_out)]
    multiplier, shift = requantisation(operation, multipliers, out_channels)
    act_min, act_max = fused_range(operation, activation)
    bias = bias_or_zeros(operation, 2, out_channels)
    check_overflow(operation, *accumulator_range(weights, bias, source.zero_point), shift)
    kernel = np.ascontiguousarray(weights.reshape(rows, columns, channels, multiple), np.int8)
    operation.add(
        lambda name, index: DepthwiseConv(
            name=name,
            op="DEPTHWISE_CONV_2D",
            inputs=(tensor,),
            output=index,
            weights=kernel,
            bias=bias,
            strides=strides,
            padding=pads,
            multiplier=multiplier,
            shift=shift,
            act_min=act_min,
            act_max=act_max,
            dilation=dilation,
        ),
        (*size, out_channels),
    )
