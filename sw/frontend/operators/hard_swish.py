"""HARD_SWISH: x * relu6(x + 3) / 6 in TFLite's 16 bits."""

from __future__ import annotations

import numpy as np

from ..graph import HardSwish, Pair
from ..operation import Operation
from ..quantise import quantise_multiplier
from .registry import handler

MAX_SHIFT = 15
"""Largest shift of 16-bit values that TFLite defines."""


@handler("HARD_SWISH")
def hard_swish(operation: Operation) -> None:
    """Read a hard swish whose scales TFLite's 16 bits hold."""
    tensor = operation.device_input()
    source = operation.builder.tensors[tensor]
    scale, _ = operation.quantisation(operation.output)
    fine = np.float32(1 / 128) * np.float32(source.scale)
    output = _short_multiplier(fine / np.float32(scale))
    reluish = _short_multiplier(fine / (np.float32(3) / np.float32(2**15)))
    if not (-MAX_SHIFT <= output[1] <= 0 and abs(reluish[1]) <= MAX_SHIFT):
        raise operation.error(
            "an input scale of 2**-21 to 2**8 and an output scale of 2**-7 to 2**8 of it",
            f"{source.scale} and {scale}",
            "calibrate on frames that exercise the layer",
        )
    operation.add(
        lambda name, index: HardSwish(
            name=name, op="HARD_SWISH", inputs=(tensor,), output=index, output_scale=output, reluish=reluish
        ),
        source.shape,
    )


def _short_multiplier(real: np.float32) -> Pair:
    """(Q15 multiplier, exponent): the Q31 multiplier rounded to 16 bits, as large as they allow."""
    multiplier, shift = quantise_multiplier(float(real))
    return min((multiplier + 2**15) >> 16, 2**15 - 1), shift
