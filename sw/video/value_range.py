"""The values that a model wants its pixels in, and the codes that they become."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError


@dataclass(frozen=True)
class ValueRange:
    """The real values that pixel 0 and pixel 255 stand for."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"

    @classmethod
    def parse(cls, text: str) -> ValueRange:
        """Read ``LO,HI``.

        Raises:
            StillframeError: The text has another form, or the range is empty.
        """
        number = r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
        match = re.fullmatch(f"{number},{number}", text)
        if not match or float(match[1]) >= float(match[2]):
            raise StillframeError(
                f"--input-range: expected LO,HI with LO below HI, got {text!r}",
                "for example --input-range 0,1 or --input-range=-1,1",
            )
        return cls(float(match[1]), float(match[2]))

    def values(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Real values of uint8 pixels, float32 of the same shape."""
        step = np.float64(self.high - self.low) / 255
        return (self.low + step * pixels).astype(np.float32)


COMMON = (ValueRange(0, 1), ValueRange(0, 255), ValueRange(-1, 1))
"""The ranges that video models are trained with."""

TOLERANCE = 0.5
"""How far both ends of a quantisation may lie off a common range, together, as a share of its span."""


def infer_range(scale: float, zero_point: int) -> ValueRange:
    """Which of the common ranges the int8 codes of an input cover best.

    Args:
        scale, zero_point: The input's quantisation: real = scale * (code - zero_point).

    Raises:
        StillframeError: They cover none of them nearly.
    """
    low, high = scale * (-128 - zero_point), scale * (127 - zero_point)

    def distance(r: ValueRange) -> float:
        return (abs(low - r.low) + abs(high - r.high)) / (r.high - r.low)

    best = min(COMMON, key=distance)
    if distance(best) > TOLERANCE:
        raise StillframeError(
            f"model input: expected a quantisation that covers 0..1, 0..255 or -1..1, "
            f"got {low:.3g}..{high:.3g}",
            "say with --input-range LO,HI which values pixels 0 and 255 stand for",
        )
    return best


def code_table(value_range: ValueRange, scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """The int8 code of each pixel value 0 to 255, as TFLite's QUANTIZE gives it.

    In float32: value / scale, halves rounded away from zero, plus the zero point, clipped to int8.

    Returns:
        int8, (256,); index it with a frame to quantise the frame.
    """
    real = value_range.values(np.arange(256, dtype=np.uint8)) / np.float32(scale)
    whole = np.trunc(real)
    rounded = whole + np.copysign(np.abs(real - whole) >= 0.5, real)
    return np.clip(rounded.astype(np.int64) + zero_point, -128, 127).astype(np.int8)
