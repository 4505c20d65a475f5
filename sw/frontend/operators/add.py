"""ADD and SUB of two activations: each rescaled to a common fine scale, and their sum to the output's."""

from __future__ import annotations

import tflite

from ..graph import ADD_LEFT_SHIFT, Add, Pair
from ..operation import Operation
from ..quantise import quantise_multiplier
from ..shapes import map_shape, shape_text
from .common import fused_range
from .registry import handler

OPTIONS = {"ADD": tflite.AddOptions, "SUB": tflite.SubOptions}


@handler("ADD", "SUB")
def add(operation: Operation) -> None:
    """Read a sum or a difference of two maps of one shape."""
    (activation,) = operation.raw.options(OPTIONS[operation.raw.op], "FusedActivationFunction")
    tensors = (operation.map_input(0), operation.map_input(1))
    first, second = (operation.builder.tensors[i] for i in tensors)
    if map_shape(first.shape) != map_shape(second.shape):
        raise operation.error(
            "two maps of one shape",
            f"{shape_text(first.shape)} and {shape_text(second.shape)}",
            "repeat the smaller map with UpSampling2D, or compute a constant instead",
        )
    act_min, act_max = fused_range(operation, activation)
    multipliers = sum_multipliers(operation, first.scale, second.scale)
    operation.add(
        lambda name, index: Add(
            name=name,
            op=operation.raw.op,
            inputs=tensors,
            output=index,
            first=multipliers[0],
            second=multipliers[1],
            result=multipliers[2],
            act_min=act_min,
            act_max=act_max,
            subtract=operation.raw.op == "SUB",
        ),
        first.shape,
    )


def sum_multipliers(operation: Operation, first: float, second: float) -> tuple[Pair, Pair, Pair]:
    """(multiplier, shift) of both operands, of scales ``first`` and ``second``, and of their sum."""
    scale_out, _ = operation.quantisation(operation.output)
    common = 2 * max(first, second)
    result = common / (2**ADD_LEFT_SHIFT * scale_out)
    if result >= 1:
        raise operation.error(
            f"an output scale above 2**-{ADD_LEFT_SHIFT - 1} of the operands'",
            f"{scale_out} for operands of {first} and {second}",
            "calibrate on frames that exercise the layer: its output scale is far too fine",
        )
    return (
        quantise_multiplier(first / common),
        quantise_multiplier(second / common),
        quantise_multiplier(result),
    )
