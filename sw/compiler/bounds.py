"""Proof before the run that no sum can overflow: bounds from the layer's actual weights.

Z = sum of weight x (code - zero point) is kept in ``ACC_BITS`` bits. Codes are -128 to 127 whatever the
threshold, since a value last sent is a code too, so the extremes of each product are known. In between, sums
of deltas may wrap around: only the final value has to fit.
"""

from __future__ import annotations

import numpy as np

from stillframe.contract import StillframeError
from stillframe.contract.array import ACC_BITS
from stillframe.contract.memory_map import MAX_LEFT_SHIFT
from stillframe.frontend.graph import ADD_LEFT_SHIFT, Add, Pair

from .product import Product, accumulator_range

MAX_RIGHT_SHIFT = 31
"""Largest right shift that a PARAMS word holds; TFLite's own limit."""

MAX_OPERAND_SHIFT = 15
"""Largest right shift of an operand of an ADD: scales that differ by more than that make no sum."""

SCALES_HINT = "the layer's scales differ too much; calibrate the model on frames like those it will see"


def _signed_bits(low: int, high: int) -> int:
    """Bits of the smallest two's complement number that holds both."""
    return 1 + max((value if value >= 0 else -1 - value).bit_length() for value in (low, high))


def check(name: str, product: Product, taps: int, zero_point: int) -> int:
    """Check a MAC layer's sums and requantisation.

    Args:
        name: The layer's, for messages.
        product, taps, zero_point: As for :func:`~.product.accumulator_range`.

    Returns:
        Bits that the layer's widest accumulator needs.

    Raises:
        StillframeError: A sum needs more bits than there are, or a multiplier or shift is out of range.
    """
    low, high = accumulator_range(product, taps, zero_point)
    bits = [_signed_bits(int(a), int(b)) for a, b in zip(low, high, strict=True)]
    channel = int(np.argmax(bits))
    if bits[channel] > ACC_BITS:
        raise StillframeError(
            f"layer {name!r}: expected sums of at most {ACC_BITS} bits, got {bits[channel]} bits "
            f"in output channel {channel} ({int(low[channel])} to {int(high[channel])})",
            "give the layer a smaller kernel or fewer input channels, or pool before a dense layer",
        )
    for bias, multiplier, shift in zip(product.bias, product.multiplier, product.shift, strict=True):
        for channel in range(len(bits)):
            smallest, largest = int(low[channel] + bias[channel]), int(high[channel] + bias[channel])
            rescaling = int(multiplier[channel]), int(shift[channel])
            check_rescaling(name, f"output channel {channel}", rescaling, smallest, largest)
    return max(bits)


def check_add(add: Add) -> None:
    """Check the operands and the sum of an ADD.

    Raises:
        StillframeError: An operand is shifted further than the adder does, or the sum is out of range.
    """
    for operand, (multiplier, shift) in (("first", add.first), ("second", add.second)):
        if multiplier < 0 or not -MAX_OPERAND_SHIFT <= shift <= 0:
            raise StillframeError(
                f"layer {add.name!r}: expected operands shifted right by 0 to {MAX_OPERAND_SHIFT} bits, "
                f"got {-shift} for the {operand} one",
                SCALES_HINT,
            )
    largest = 2 * 255 << ADD_LEFT_SHIFT - 1
    check_rescaling(add.name, "the sum", add.result, -largest, largest)


def check_rescaling(name: str, what: str, rescaling: Pair, smallest: int, largest: int) -> None:
    """Check a requantisation (multiplier, shift) of sums from ``smallest`` to ``largest``."""
    multiplier, shift = rescaling
    if multiplier < 0 or not -MAX_RIGHT_SHIFT <= shift <= MAX_LEFT_SHIFT:
        raise StillframeError(
            f"layer {name!r}: expected a requantisation multiplier from 0 on and a shift of "
            f"-{MAX_RIGHT_SHIFT} to {MAX_LEFT_SHIFT}, got {multiplier} and {shift} in {what}",
            SCALES_HINT,
        )
    left = max(shift, 0)
    needed = _signed_bits(smallest << left, largest << left)
    if needed > 32:
        raise StillframeError(
            f"layer {name!r}: expected sums with bias of at most 32 bits after the left shift "
            f"by {left}, got {needed} bits in {what}",
            SCALES_HINT,
        )
