"""From a clip's frames to what a session takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.contract.host import HostTensor
from stillframe.video import ValueRange, code_table, fit, infer_range

UINT8_MIDDLE = 128
"""What makes a uint8 zero point that of the same quantisation in int8."""


@dataclass(frozen=True)
class Encoder:
    """From RGB frames, uint8 (any height, any width, 3), to a model's input: ``shape``, through ``table``."""

    shape: tuple[int, int, int]
    table: npt.NDArray[Any]

    def __call__(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        return self.table[fit(frame, *self.shape)]


def make_encoder(model: str, frame: HostTensor, value_range: ValueRange) -> Encoder:
    """The encoder for frames as a session takes them.

    Args:
        model: The model's name, for messages.
        frame: What the session takes: int8 or uint8 codes, or float32.
        value_range: What pixels 0 and 255 stand for.

    Raises:
        StillframeError: Frames of a clip cannot be that.
    """
    shape = image_shape(model, frame)
    match frame.dtype:
        case "float32":
            table: npt.NDArray[Any] = value_range.values(np.arange(256, dtype=np.uint8))
        case "int8":
            table = code_table(value_range, frame.scale, frame.zero_point)
        case "uint8":
            codes = code_table(value_range, frame.scale, frame.zero_point - UINT8_MIDDLE)
            table = (codes.astype(np.int16) + UINT8_MIDDLE).astype(np.uint8)
        case other:
            raise StillframeError(
                f"model {model}: expected an input of int8, uint8 or float32, got {other}",
                "run such a model from Python, with frames of your own (see README, Python)",
            )
    return Encoder(shape, table)


def image_shape(model: str, frame: HostTensor) -> tuple[int, int, int]:
    """(height, width, channels) of what a session takes.

    Raises:
        StillframeError: It is no image.
    """
    if len(frame.shape) != 3:
        raise StillframeError(
            f"model {model}: expected an input of height, width and channels, got shape {frame.shape}",
            "run such a model from Python, with codes of your own (see README, Python)",
        )
    return frame.shape[0], frame.shape[1], frame.shape[2]


def guess_range(frame: HostTensor) -> tuple[ValueRange, str]:
    """What pixels 0 and 255 most likely stand for, and how that is known.

    Raises:
        StillframeError: The quantisation covers no common range.
    """
    if frame.dtype == "float32":
        return ValueRange(0, 1), "taken for an input in floating point"
    middle = UINT8_MIDDLE if frame.dtype == "uint8" else 0
    return infer_range(frame.scale, frame.zero_point - middle), "inferred from the input's quantisation"
