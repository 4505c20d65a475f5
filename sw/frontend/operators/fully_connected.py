"""FULLY_CONNECTED: over a flattened map a convolution as large as the map, over every pixel one of 1 x 1."""

from __future__ import annotations

import numpy as np
import tflite

from ..graph import Conv, Float64
from ..operation import Operation
from ..quantise import (
    Int64,
    accumulator_range,
    quantise_multiplier,
    real_multipliers,
    single_rounding_multiplier,
)
from ..shapes import map_shape, shape_text
from .common import bias_or_zeros, check_map, check_overflow, fused_range, requantisation
from .registry import handler


@handler("FULLY_CONNECTED")
def fully_connected(operation: Operation) -> None:
    """Read a dense layer. Its features are a map's elements in row-major order, or a pixel's channels."""
    activation, weights_format = operation.raw.options(
        tflite.FullyConnectedOptions, "FusedActivationFunction", "WeightsFormat"
    )
    tensor = operation.device_input()
    source = operation.builder.tensors[tensor]
    device = map_shape(source.shape)
    weights = operation.constant(1, "INT8", "weights")
    if weights.ndim != 2 or weights_format != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise operation.error(
            "weights with 2 dimensions in the default format",
            f"{weights.ndim} in format {weights_format}",
            "convert the model again without shuffled weights",
        )
    units, features = weights.shape
    seen = operation.value().shape
    if features == source.size:
        height, width, channels = device
        shape: tuple[int, ...] = (units,)
    elif seen == device and features == device[2]:
        height, width, channels = 1, 1, features
        shape = (device[0], device[1], units)
    else:
        raise operation.error(
            f"{source.size} features (all of the {shape_text(source.shape)} map) or {device[2]} (a pixel's)",
            f"{features}",
            "flatten the whole map before the layer",
        )
    check_map(operation, height, width)
    kernel = np.ascontiguousarray(
        weights.reshape(units, height, width, channels).transpose(1, 2, 3, 0), np.int8
    )
    scale_out, zero_point_out = operation.quantisation(operation.output)
    scales = operation.weight_scales(1, units)
    bias = bias_or_zeros(operation, 2, units)
    act_min, act_max = fused_range(operation, activation)
    real = np.broadcast_to(real_multipliers(source.scale, scales, scale_out), (units,)).copy()
    low, high = accumulator_range(kernel, bias, source.zero_point)
    # Refuses far too large a multiplier before integers are looked for.
    requantisation(operation, [quantise_multiplier(float(factor)) for factor in real], units)
    codes = (act_min - zero_point_out, act_max - zero_point_out)
    multiplier, shift = requantisation(operation, _integers(operation, real, low, high, codes), units)
    check_overflow(operation, low, high, shift)
    operation.add(
        lambda name, index: Conv(
            name=name,
            op="FULLY_CONNECTED",
            inputs=(tensor,),
            output=index,
            weights=kernel,
            bias=bias,
            strides=(1, 1),
            padding=((0, 0), (0, 0)),
            multiplier=multiplier,
            shift=shift,
            act_min=act_min,
            act_max=act_max,
            real_multiplier=real,
        ),
        shape,
    )


def _integers(
    operation: Operation, real: Float64, low: Int64, high: Int64, codes: tuple[int, int]
) -> list[tuple[int, int]]:
    """(multiplier, shift) of each unit, equal to TensorFlow Lite's doubles for all its accumulators."""
    found = []
    for unit, (factor, smallest, largest) in enumerate(zip(real, low, high, strict=True)):
        integers = single_rounding_multiplier(float(factor), (int(smallest), int(largest)), codes)
        if integers is None:
            raise operation.error(
                "scales that one 31-bit multiplier stands for exactly",
                f"{float(factor)!r} in unit {unit}, with accumulators of {smallest} to {largest}",
                "convert the model with other calibration frames, or with fewer features in the layer",
            )
        found.append(integers)
    return found
