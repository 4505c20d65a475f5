"""MEAN over the whole map: global average pooling with an output scale of its own."""

from __future__ import annotations

import tflite

from ..graph import Mean
from ..operation import Operation
from ..quantise import mean_multiplier
from ..shapes import map_shape, shape_text
from .common import check_map, requantisation
from .registry import handler


@handler("MEAN")
def mean(operation: Operation) -> None:
    """Read a mean over rows and columns, with or without keeping them as dimensions of 1."""
    (keep_dims,) = operation.raw.options(tflite.ReducerOptions, "KeepDims")
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    seen = operation.value().shape
    rank = len(seen) + 1
    axes = sorted({int(axis) % rank for axis in operation.constant(1, "INT32", "axes").reshape(-1)})
    if rank != 4 or axes != [1, 2]:
        raise operation.error(
            "a mean over rows and columns, dimensions 1 and 2 of 4",
            f"dimensions {', '.join(map(str, axes))} of {rank} of a {shape_text(seen)} map",
            "use GlobalAveragePooling2D",
        )
    height, width, channels = map_shape(source.shape)
    check_map(operation, height, width)
    scale_out, _ = operation.quantisation(operation.output)
    multiplier, shift = mean_multiplier(source.scale, scale_out, height * width)
    requantisation(operation, [(multiplier, shift)], 1)
    operation.add(
        lambda name, index: Mean(
            name=name,
            op="MEAN",
            inputs=(tensor,),
            output=index,
            multiplier=multiplier,
            shift=shift,
        ),
        (1, 1, channels) if keep_dims else (channels,),
    )
