"""ADD and SUB: operands rescaled to a common fine scale, their sum to the output's; one may be constant."""

from __future__ import annotations

import tflite

from ..graph import ADD_LEFT_SHIFT, Add, AddConstant, Pair
from ..operation import Operation
from ..quantise import quantise_multiplier
from ..shapes import map_shape, shape_text
from .common import channel_codes, fused_range
from .registry import handler

OPTIONS = {"ADD": tflite.AddOptions, "SUB": tflite.SubOptions}


@handler("ADD", "SUB")
def add(operation: Operation) -> None:
    """Read a sum or a difference of two maps of one shape, or of a map and a constant in any order."""
    (activation,) = operation.raw.options(OPTIONS[operation.raw.op], "FusedActivationFunction")
    if operation.is_constant(0) or operation.is_constant(1):
        _with_constant(operation, fused_range(operation, activation))
        return
    tensors = (operation.map_input(0), operation.map_input(1))
    first, second = (operation.builder.tensors[i] for i in tensors)
    if map_shape(first.shape) != map_shape(second.shape):
        raise operation.error(
            "two maps of one shape",
            f"{shape_text(first.shape)} and {shape_text(second.shape)}",
            "repeat the smaller map with UpSampling2D",
        )
    act_min, act_max = fused_range(operation, activation)
    multipliers = _sum_multipliers(operation, first.scale, second.scale)
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


def _with_constant(operation: Operation, codes: Pair) -> None:
    place = 1 if operation.is_constant(0) else 0
    tensor = operation.map_input(place)
    source = operation.builder.tensors[tensor]
    constant = channel_codes(operation, 1 - place, map_shape(source.shape)[2])
    scale, zero_point = operation.quantisation(operation.tensor(1 - place))
    scales = (source.scale, scale) if place == 0 else (scale, source.scale)
    first, (multiplier, shift), result = _sum_multipliers(operation, *scales)
    operands = (first, (-multiplier if operation.raw.op == "SUB" else multiplier, shift))
    operation.add(
        lambda name, index: AddConstant(
            name=name,
            op=operation.raw.op,
            inputs=(tensor,),
            output=index,
            constant=constant,
            constant_zero_point=zero_point,
            tensor=operands[place],
            of_constant=operands[1 - place],
            result=result,
            act_min=codes[0],
            act_max=codes[1],
        ),
        source.shape,
    )


def _sum_multipliers(operation: Operation, first: float, second: float) -> tuple[Pair, Pair, Pair]:
    """(multiplier, shift) of both operands, of scales ``first`` and ``second``, and of their sum."""
    scale_out, _ = operation.quantisation(operation.output)
    common = 2 * max(first, second)
    result = common / (2**ADD_LEFT_SHIFT * scale_out)
    return (
        quantise_multiplier(first / common),
        quantise_multiplier(second / common),
        quantise_multiplier(result),
    )
