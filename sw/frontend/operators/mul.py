"""MUL by a constant, one a channel or one for all."""

from __future__ import annotations

import tflite

from ..graph import MulConstant
from ..operation import Operation
from ..quantise import rescale_multiplier
from ..shapes import map_shape, shape_text
from .common import channel_codes, fused_range, requantisation
from .registry import handler


@handler("MUL")
def mul(operation: Operation) -> None:
    """Read a product of a map and a constant, in any order."""
    (activation,) = operation.raw.options(tflite.MulOptions, "FusedActivationFunction")
    if not (operation.is_constant(0) or operation.is_constant(1)):
        raise operation.error(
            "a product with a constant",
            f"two computed maps, {' and '.join(shape_text(operation.value(i).shape) for i in (0, 1))}",
            "take the gate or attention out of the model, or add the two instead",
        )
    place = 1 if operation.is_constant(0) else 0
    tensor = operation.map_input(place)
    source = operation.builder.tensors[tensor]
    constant = channel_codes(operation, 1 - place, map_shape(source.shape)[2])
    scale, zero_point = operation.quantisation(operation.tensor(1 - place))
    scale_out, _ = operation.quantisation(operation.output)
    multiplier, shift = rescale_multiplier(source.scale, scale_out, scale)
    requantisation(operation, [(multiplier, shift)], 1)
    act_min, act_max = fused_range(operation, activation)
    operation.add(
        lambda name, index: MulConstant(
            name=name,
            op="MUL",
            inputs=(tensor,),
            output=index,
            constant=constant,
            constant_zero_point=zero_point,
            multiplier=multiplier,
            shift=shift,
            act_min=act_min,
            act_max=act_max,
        ),
        source.shape,
    )
