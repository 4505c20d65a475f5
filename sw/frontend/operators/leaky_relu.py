"""LEAKY_RELU: one slope below the zero point for all channels."""

from __future__ import annotations

import tflite

from ..graph import LeakyRelu
from ..operation import Operation
from ..quantise import rescale_multiplier
from .common import requantisation
from .registry import handler


@handler("LEAKY_RELU")
def leaky_relu(operation: Operation) -> None:
    """Read a leaky ReLU; its slope may be negative."""
    (alpha,) = operation.raw.options(tflite.LeakyReluOptions, "Alpha")
    tensor = operation.device_input()
    source = operation.builder.tensors[tensor]
    scale, _ = operation.quantisation(operation.output)
    positive = rescale_multiplier(source.scale, scale)
    multiplier, shift = rescale_multiplier(source.scale, scale, abs(alpha))
    requantisation(operation, [positive, (multiplier, shift)], 2)
    operation.add(
        lambda name, index: LeakyRelu(
            name=name,
            op="LEAKY_RELU",
            inputs=(tensor,),
            output=index,
            positive=positive,
            negative=(-multiplier if alpha < 0 else multiplier, shift),
        ),
        source.shape,
    )
