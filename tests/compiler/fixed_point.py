"""Integers of a fixed width, and rounding as gemmlowp has it."""

from __future__ import annotations

import numpy as np
from program_image import Ints


def rounding_divide(x: Ints, exponent: int | Ints) -> Ints:
    """x / 2**exponent, halves away from zero: gemmlowp's with a mask and a threshold."""
    mask = (np.int64(1) << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def wrap(values: Ints, bits: int) -> Ints:
    """What two's complement numbers of so many bits hold."""
    half = 1 << (bits - 1)
    return ((values + half) & ((1 << bits) - 1)) - half
