"""TensorFlow's own converter: a float network to full-integer int8, calibrated on frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError

from .errors import UnsupportedError
from .operators import HANDLERS
from .quiet import load_tensorflow, quiet
from .shapes import shape_text

Frames = npt.NDArray[np.floating[Any]]


def input_shape(
    model_shape: tuple[int | None, ...], name: str, given: tuple[int, int, int] | None, hint: str
) -> tuple[int, ...]:
    """Shape of one frame: as given, or else the model's own.

    Args:
        model_shape: What the model says, without the batch; None where it leaves a dimension open, empty if
            it says nothing.
        name: What messages call the model.
        given: (height, width, channels) from the caller.
        hint: How the model would be made with a fixed shape.

    Raises:
        StillframeError: The model leaves its shape open and none is given.
    """
    if given is not None:
        return tuple(given)
    fixed = tuple(n for n in model_shape if n is not None)
    if not model_shape or len(fixed) < len(model_shape):
        got = " x ".join("?" if n is None else str(n) for n in model_shape) or "none at all"
        raise StillframeError(
            f"model {name}: expected an input of fixed height, width and channels, got {got}",
            f"give input_shape=(height, width, channels), or {hint}",
        )
    return fixed


def calibration_frames(calibration: Iterable[Frames], shape: tuple[int, ...], name: str) -> list[Frames]:
    """The frames with a batch of 1 in front, float32.

    Raises:
        StillframeError: There are none, or one has another shape than ``shape``.
    """
    frames = list(_checked(calibration, shape, name))
    if not frames:
        raise StillframeError(
            f"model {name}: expected frames to calibrate with, got none", "give frames of a typical clip"
        )
    return frames


def _checked(calibration: Iterable[Frames], shape: tuple[int, ...], name: str) -> Iterator[Frames]:
    for i, frame in enumerate(calibration):
        if frame.shape != shape:
            raise StillframeError(
                f"model {name}: expected calibration frames of {shape_text(shape)}, "
                f"got {shape_text(frame.shape)} in frame {i}",
                "resize the frames to the model's input",
            )
        yield np.asarray(frame, np.float32)[np.newaxis]


def convert(converter: Any, frames: list[Frames], name: str) -> bytes:
    """The int8 ``.tflite`` file that a ``tf.lite.TFLiteConverter`` makes, weights by channel.

    Args:
        converter: Made from the model, with nothing set.
        frames: What it is calibrated on, each with its batch of 1.
        name: What messages call the model.

    Raises:
        UnsupportedError: The model has something that the converter cannot bring to int8.
    """
    tf = load_tensorflow()
    with quiet() as kept:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([frame] for frame in frames)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        try:
            return converter.convert()
        except Exception as error:  # the converter raises many kinds
            kept.seek(0)
            chatter = kept.read().decode(errors="replace")
            raise UnsupportedError(
                f"model {name}: expected a network that TensorFlow's converter can bring to int8, "
                f"got {_culprit(f'{error} {chatter}') or first_line(error)}",
                f"replace the layer; supported are {', '.join(sorted(HANDLERS))}",
            ) from error


def _culprit(text: str) -> str:
    """The operator that the converter complains of; empty if it names none."""
    if found := re.search(r"Quantization not yet supported for op: '?([\w.]+)", text):
        return found[1]
    found = re.search(r"'(tf\.\w+)' op is neither a custom op nor a flex op", text)
    return found[1] if found else ""


def first_line(error: Exception) -> str:
    """The first line of what an exception says, or its kind if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
