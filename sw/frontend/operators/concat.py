"""CONCATENATION along channels: codes side by side, so all tensors must have one quantisation."""

from __future__ import annotations

import tflite

from ..graph import Concat
from ..operation import Operation
from ..shapes import map_shape, shape_text
from .common import same_quantisation
from .registry import handler


@handler("CONCATENATION")
def concatenation(operation: Operation) -> None:
    """Read a concatenation of computed maps of one size."""
    axis, activation = operation.raw.options(tflite.ConcatenationOptions, "Axis", "FusedActivationFunction")
    if activation != tflite.ActivationFunctionType.NONE:
        raise operation.error(
            "no fused activation", f"activation {activation}", "use an activation layer behind it"
        )
    tensors = tuple(operation.map_input(i) for i in range(len(operation.raw.inputs)))
    sources = [operation.builder.tensors[i] for i in tensors]
    shapes = [map_shape(source.shape) for source in sources]
    rank = len(operation.output_shape()) + 1
    if len(shapes) < 2 or axis % rank != rank - 1 or len({shape[:2] for shape in shapes}) != 1:
        raise operation.error(
            f"two maps or more of one size put together along channels, dimension {rank - 1}",
            f"{' and '.join(shape_text(shape) for shape in shapes)} along dimension {axis % rank}",
            "use Concatenate(axis=-1), with maps of one height and width",
        )
    for source in sources:
        same_quantisation(operation, source)
    channels = sum(shape[2] for shape in shapes)
    operation.add(
        lambda name, index: Concat(name=name, op="CONCATENATION", inputs=tensors, output=index),
        (*shapes[0][:2], channels) if rank == 4 else (channels,),
    )
