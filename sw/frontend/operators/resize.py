"""RESIZE_NEAREST_NEIGHBOR by whole factors: each pixel several times."""

from __future__ import annotations

import numpy as np
import tflite

from ..graph import Resize
from ..operation import Operation
from ..shapes import map_shape
from .common import same_quantisation
from .registry import handler


@handler("RESIZE_NEAREST_NEIGHBOR")
def resize_nearest_neighbor(operation: Operation) -> None:
    """Read an enlargement whose pixels are repeated, whichever rule the model has for their centres."""
    align_corners, half_pixels = operation.raw.options(
        tflite.ResizeNearestNeighborOptions, "AlignCorners", "HalfPixelCenters"
    )
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    same_quantisation(operation, source)
    height, width, channels = map_shape(source.shape)
    target = operation.constant(1, "INT32", "size").reshape(-1).tolist()
    factors = [
        wanted // size
        for wanted, size in zip(target, (height, width), strict=False)
        if _repeats(size, wanted, align_corners, half_pixels)
    ]
    if len(factors) != 2:
        raise operation.error(
            "an enlargement by whole factors, each pixel as often as any other",
            f"{height} x {width} to {' x '.join(map(str, target))}"
            + ", corners aligned" * bool(align_corners)
            + ", half pixels" * bool(half_pixels),
            "use UpSampling2D(interpolation='nearest')",
        )
    vertical, horizontal = factors
    operation.add(
        lambda name, index: Resize(
            name=name,
            op="RESIZE_NEAREST_NEIGHBOR",
            inputs=(tensor,),
            output=index,
            factors=(vertical, horizontal),
        ),
        (height * vertical, width * horizontal, channels),
    )


def _repeats(size: int, wanted: int, align_corners: bool, half_pixels: bool) -> bool:
    """Whether TFLite's nearest pixels, which it finds in float32, are position // factor."""
    if wanted < size or wanted % size:
        return False
    fine = align_corners and wanted > 1
    scale = np.float32(size - fine) / np.float32(wanted - fine)
    place = (np.arange(wanted, dtype=np.float32) + np.float32(0.5 * half_pixels)) * scale
    nearest = np.floor(place + 0.5) if align_corners else np.floor(place)
    return np.array_equal(np.minimum(nearest, size - 1), np.arange(wanted) // (wanted // size))
