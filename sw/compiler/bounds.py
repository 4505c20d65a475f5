"""Proof before the run that no sum can overflow: bounds from the layer's actual weights.

Z = sum of weight x (code - zero point) is kept in ``ACC_BITS`` bits. Codes are -128 to 127 whatever the
threshold, since a value last sent is a code too, so the extremes of each product are known. In between, sums
of deltas may wrap around: only the final value has to fit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.contract.array import ACC_BITS
from stillframe.contract.memory_map import MAX_LEFT_SHIFT
from stillframe.frontend.graph import Conv

MAX_RIGHT_SHIFT = 31
"""Largest right shift that a PARAMS word holds; TFLite's own limit."""

SCALES_HINT = "the layer's scales differ too much; calibrate the model on frames like those it will see"


def accumulator_range(conv: Conv, zero_point: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Least and greatest Z by output channel for an input with ``zero_point``, int64 (channels,) each."""
    weights = conv.weights.astype(np.int64).reshape(-1, conv.weights.shape[3])
    at_low, at_high = weights * (-128 - zero_point), weights * (127 - zero_point)
    return np.minimum(at_low, at_high).sum(axis=0), np.maximum(at_low, at_high).sum(axis=0)


def _signed_bits(low: int, high: int) -> int:
    """Bits of the smallest two's complement number that holds both."""
    return 1 + max((value if value >= 0 else -1 - value).bit_length() for value in (low, high))


def check(conv: Conv, zero_point: int) -> int:
    """Check a convolution's sums and requantisation.

    Returns:
        Bits that the layer's widest accumulator needs.

    Raises:
        StillframeError: A sum needs more bits than there are, or a multiplier or shift is out of range.
    """
    low, high = accumulator_range(conv, zero_point)
    bits = [_signed_bits(int(a), int(b)) for a, b in zip(low, high, strict=True)]
    channel = int(np.argmax(bits))
    if bits[channel] > ACC_BITS:
        raise StillframeError(
            f"layer {conv.name!r}: expected sums of at most {ACC_BITS} bits, got {bits[channel]} bits "
            f"in output channel {channel} ({int(low[channel])} to {int(high[channel])})",
            "give the layer a smaller kernel or fewer input channels, or pool before a dense layer",
        )
    for channel in range(len(bits)):
        multiplier, shift = int(conv.multiplier[channel]), int(conv.shift[channel])
        if multiplier < 0 or not -MAX_RIGHT_SHIFT <= shift <= MAX_LEFT_SHIFT:
            raise StillframeError(
                f"layer {conv.name!r}: expected a requantisation multiplier from 0 on and a shift of "
                f"-{MAX_RIGHT_SHIFT} to {MAX_LEFT_SHIFT}, got {multiplier} and {shift} "
                f"in output channel {channel}",
                SCALES_HINT,
            )
        left, bias = max(shift, 0), int(conv.bias[channel])
        needed = _signed_bits((int(low[channel]) + bias) << left, (int(high[channel]) + bias) << left)
        if needed > 32:
            raise StillframeError(
                f"layer {conv.name!r}: expected sums with bias of at most 32 bits after the left shift "
                f"by {left}, got {needed} bits in output channel {channel}",
                SCALES_HINT,
            )
    return max(bits)
