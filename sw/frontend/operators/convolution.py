"""What CONV_2D and DEPTHWISE_CONV_2D are read by alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Int8, Pair, Tensor
from ..operation import Operation
from ..quantise import accumulator_range, quantise_multiplier, real_multipliers
from ..shapes import map_shape
from .common import bias_or_zeros, check_overflow, fused_range, requantisation, window_geometry

OPTIONS = (
    "Padding",
    "StrideH",
    "StrideW",
    "DilationHFactor",
    "DilationWFactor",
    "FusedActivationFunction",
)
"""Fields of the operator's options, in the order in which :func:`window_and_scales` takes them."""


def window_and_scales(
    operation: Operation, source: Tensor, options: tuple[Any, ...], weights: Int8, axis: int
) -> tuple[Pair, dict[str, Any]]:
    """Geometry and requantisation of a convolution.

    Args:
        operation, source: The operator, and the tensor that it reads.
        options: Values of :data:`OPTIONS`.
        weights: int8, 4 dimensions, rows and columns in dimensions 1 and 2.
        axis: The dimension of output channels.

    Returns:
        (height, width) of the output, and the node's attributes but for its weights and where it stands.
    """
    padding, stride_y, stride_x, dilation_y, dilation_x, activation = options
    height, width, _ = map_shape(source.shape)
    strides, dilation = (stride_y, stride_x), (dilation_y, dilation_x)
    window, channels = (weights.shape[1], weights.shape[2]), weights.shape[axis]
    size, pads = window_geometry(operation, (height, width), window, strides, padding, dilation)
    scale_out, _ = operation.quantisation(operation.output)
    scales = operation.weight_scales(1, channels, axis=axis)
    multipliers = [quantise_multiplier(real) for real in real_multipliers(source.scale, scales, scale_out)]
    multiplier, shift = requantisation(operation, multipliers, channels)
    act_min, act_max = fused_range(operation, activation)
    bias = bias_or_zeros(operation, 2, channels)
    sums = accumulator_range(np.moveaxis(weights, axis, -1), bias, source.zero_point)
    check_overflow(operation, *sums, shift)
    return size, {
        "bias": bias,
        "strides": strides,
        "padding": pads,
        "multiplier": multiplier,
        "shift": shift,
        "act_min": act_min,
        "act_max": act_max,
        "dilation": dilation,
    }
