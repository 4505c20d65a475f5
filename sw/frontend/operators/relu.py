"""RELU, RELU6 and RELU_N1_TO_1 as operators of their own: requantise, then clamp."""

from __future__ import annotations

from ..graph import Relu
from ..operation import Operation
from ..quantise import activation_range, rescale_multiplier
from .common import requantisation
from .registry import handler


@handler("RELU", "RELU6", "RELU_N1_TO_1")
def relu(operation: Operation) -> None:
    """Read a standalone activation."""
    tensor = operation.device_input()
    source = operation.builder.tensors[tensor]
    scale, zero_point = operation.quantisation(operation.output)
    multiplier, shift = rescale_multiplier(source.scale, scale)
    requantisation(operation, [(multiplier, shift)], 1)
    act_min, act_max = activation_range(operation.raw.op, scale, zero_point)
    operation.add(
        lambda name, index: Relu(
            name=name,
            op=operation.raw.op,
            inputs=(tensor,),
            output=index,
            multiplier=multiplier,
            shift=shift,
            act_min=act_min,
            act_max=act_max,
        ),
        source.shape,
    )
