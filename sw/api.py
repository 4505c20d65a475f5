"""The Python interface in a handful of names; ``import stillframe`` offers them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stillframe.contract import ArrayConfig, Program
from stillframe.run.job import build_program
from stillframe.run.models import Encoder, load_model
from stillframe.run.progress import Silent
from stillframe.video import ValueRange, code_table, infer_range, open_clip


def compile(
    model: str,
    calibrate: str | None = None,
    array: str = "1x16",
    mode: str = "auto",
    threshold: int = 0,
    input_range: tuple[float, float] | None = None,
) -> Program:
    """Compile a model for an array.

    Args:
        model: A ``.keras``, ``.h5`` or int8 ``.tflite`` file, a SavedModel folder, or a built-in example's
            name.
        calibrate: A clip, as :func:`clip` takes it. A model in floating point needs one; ``auto`` decides
            by it.
        array: ``BxL`` or ``BxL@PART``.
        mode: ``auto``, ``delta``, ``direct`` or ``dense``.
        threshold: Codes by which a value may differ from the last one sent, unsent.
        input_range: What pixels 0 and 255 stand for; inferred if None.

    Raises:
        StillframeError: The model, the clip or their use is wrong.
    """
    config = ArrayConfig.parse(array)
    frames = open_clip(calibrate) if calibrate else None
    value_range = ValueRange(*input_range) if input_range else None
    loaded = load_model(model, frames, value_range, Silent(), "calibrate=")
    return loaded.program or build_program(loaded, frames, config, mode, threshold, Silent())


def clip(
    spec: str,
    program: Program,
    start: int = 0,
    frames: int | None = None,
    input_range: tuple[float, float] | None = None,
) -> Iterator[npt.NDArray[np.int8]]:
    """Frames of a clip as a program's input codes, int8 (height, width, channels).

    Args:
        spec: A video file, a folder of images, ``camera:N`` or a built-in example's name.
        program: Whose input they are for.
        start, frames: Which part of the clip.
        input_range: What pixels 0 and 255 stand for; inferred from the input's quantisation if None.

    Raises:
        StillframeError: The clip or its use is wrong.
    """
    tensor = program.tensors[0]
    chosen = ValueRange(*input_range) if input_range else infer_range(tensor.scale, tensor.zero_point)
    table = code_table(chosen, tensor.scale, tensor.zero_point)
    return map(Encoder((tensor.height, tensor.width, tensor.channels), table), open_clip(spec, start, frames))
