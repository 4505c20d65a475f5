"""The Python interface in a handful of names; ``import stillframe`` offers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt

from stillframe.contract import ArrayConfig, Program
from stillframe.run.encoder import guess_range, make_encoder
from stillframe.run.job import build_program
from stillframe.run.models import load_model
from stillframe.run.progress import Silent
from stillframe.video import ValueRange, open_clip


def compile(
    model: str,
    calibrate: str | None = None,
    array: str = "1x16",
    mode: str = "auto",
    threshold: int = 0,
    input_range: tuple[float, float] | None = None,
    split: str = "",
    pins: Mapping[str, str] | None = None,
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
        split: The last layer on the array, or the first and the last as ``FIRST:LAST``; what is before and
            behind runs on the host. Chosen if empty.
        pins: ``delta`` or ``direct`` by the name of a layer whose mode ``auto`` is not to choose.

    Raises:
        StillframeError: The model, the clip or their use is wrong.
    """
    config = ArrayConfig.parse(array)
    frames = open_clip(calibrate) if calibrate else None
    value_range = ValueRange(*input_range) if input_range else None
    loaded = load_model(model, frames, value_range, Silent(), "calibrate=", split=split)
    if loaded.program:
        return loaded.program
    return build_program(loaded, frames, config, mode, threshold, Silent(), pins or {})[0]


def clip(
    spec: str,
    program: Program,
    start: int = 0,
    frames: int | None = None,
    input_range: tuple[float, float] | None = None,
) -> Iterator[npt.NDArray[Any]]:
    """Frames of a clip as a session takes them: int8 codes (height, width, channels), unless there is a head.

    Args:
        spec: A video file, a folder of images, ``camera:N`` or a built-in example's name.
        program: Whose input they are for.
        start, frames: Which part of the clip.
        input_range: What pixels 0 and 255 stand for; inferred from the input's quantisation if None.

    Raises:
        StillframeError: The clip or its use is wrong.
    """
    chosen = ValueRange(*input_range) if input_range else guess_range(program.frame)[0]
    return map(make_encoder(program.model, program.frame, chosen), open_clip(spec, start, frames))
