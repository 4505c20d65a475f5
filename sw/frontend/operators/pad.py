"""PAD: rows and columns of the zero point around the map."""

from __future__ import annotations

import numpy as np

from ..graph import Pad
from ..operation import Operation
from ..shapes import map_shape
from .common import same_quantisation
from .registry import handler


@handler("PAD")
def pad(operation: Operation) -> None:
    """Read a padding; it may be asymmetric."""
    tensor = operation.map_input()
    source = operation.builder.tensors[tensor]
    same_quantisation(operation, source)
    amounts = operation.constant(1, "INT32", "paddings")
    if amounts.shape != (4, 2) or np.any(amounts < 0) or np.any(amounts[[0, 3]]):
        raise operation.error(
            "a padding of rows and columns only, by 0 and more",
            ", ".join(f"{before} + {after}" for before, after in amounts.reshape(-1, 2)),
            "use ZeroPadding2D",
        )
    (top, bottom), (left, right) = amounts[1:3].tolist()
    height, width, channels = map_shape(source.shape)
    operation.add(
        lambda name, index: Pad(
            name=name,
            op="PAD",
            inputs=(tensor,),
            output=index,
            padding=((top, bottom), (left, right)),
        ),
        (height + top + bottom, width + left + right, channels),
    )
