"""PRELU: one slope a channel, or one for all."""

from __future__ import annotations

import numpy as np

from ..graph import PRelu
from ..operation import Operation
from ..quantise import rescale_multiplier
from ..shapes import map_shape
from .common import requantisation
from .registry import handler


@handler("PRELU")
def prelu(operation: Operation) -> None:
    """Read a parametric ReLU."""
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    channels = map_shape(source.shape)[2]
    alpha = operation.constant(1, "INT8", "slopes")
    if alpha.size != alpha.shape[-1] or alpha.size not in (1, channels):
        raise operation.error(
            f"one slope for each of {channels} channels, or one for all",
            f"slopes of {' x '.join(map(str, alpha.shape))}",
            "make the layer with PReLU(shared_axes=[1, 2])",
        )
    scale_alpha, alpha_zero_point = operation.quantisation(operation.tensor(1))
    scale_out, _ = operation.quantisation(operation.output)
    positive = rescale_multiplier(source.scale, scale_out)
    negative = rescale_multiplier(source.scale, scale_out, scale_alpha)
    requantisation(operation, [positive, negative], 2)
    slopes = np.broadcast_to(alpha.reshape(-1), (channels,)).astype(np.int8)
    operation.add(
        lambda name, index: PRelu(
            name=name,
            op="PRELU",
            inputs=(tensor,),
            output=index,
            alpha=slopes,
            alpha_zero_point=alpha_zero_point,
            positive=positive,
            negative=negative,
        ),
        source.shape,
    )
