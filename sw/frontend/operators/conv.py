"""CONV_2D: any kernel and stride, dilation 1 or 2, SAME or VALID, with a fused activation that is a range."""

from __future__ import annotations

import numpy as np
import tflite

from ..graph import Conv
from ..operation import CONVERT_AGAIN, Operation
from ..quantise import accumulator_range, quantise_multiplier, real_multipliers
from ..shapes import map_shape
from .common import bias_or_zeros, check_overflow, fused_range, requantisation, window_geometry
from .registry import handler


@handler("CONV_2D")
def conv_2d(operation: Operation) -> None:
    """Read a convolution without groups."""
    padding, stride_y, stride_x, dilation_y, dilation_x, activation = operation.raw.options(
        tflite.Conv2DOptions,
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
    if weights.ndim != 4:
        raise operation.error("weights with 4 dimensions", f"{weights.ndim}", CONVERT_AGAIN)
    if weights.shape[3] != channels:
        raise operation.error(
            f"a kernel over all {channels} input channels",
            f"one over {weights.shape[3]} (groups)",
            "use a convolution with groups=1",
        )
    out_channels = weights.shape[0]
    strides, dilation = (stride_y, stride_x), (dilation_y, dilation_x)
    window = (weights.shape[1], weights.shape[2])
    size, pads = window_geometry(operation, (height, width), window, strides, padding, dilation)
    scale_out, _ = operation.quantisation(operation.output)
    scales = operation.weight_scales(1, out_channels)
    multipliers = [quantise_multiplier(real) for real in real_multipliers(source.scale, scales, scale_out)]
    multiplier, shift = requantisation(operation, multipliers, out_channels)
    act_min, act_max = fused_range(operation, activation)
    kernel = np.ascontiguousarray(weights.transpose(1, 2, 3, 0), np.int8)
    bias = bias_or_zeros(operation, 2, out_channels)
    check_overflow(operation, *accumulator_range(kernel, bias, source.zero_point), shift)
    operation.add(
        lambda name, index: Conv(
            name=name,
            op="CONV_2D",
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
