"""Loading a model by what the user calls it, calibrated on a clip where that is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillframe.contract import Program, StillframeError
from stillframe.contract.program import FILE_MAGIC
from stillframe.driver.host_model import HostModel
from stillframe.examples import MODELS, Example, find_example
from stillframe.frontend import read_tflite
from stillframe.frontend.graph import Graph
from stillframe.frontend.quiet import load_tensorflow
from stillframe.frontend.results import renamed
from stillframe.frontend.saved_model import FILE as SAVED_MODEL_FILE
from stillframe.video import Clip, ValueRange, fit

from .encoder import Encoder, guess_range, image_shape, make_encoder
from .float_models import FloatModel, keras_file, keras_model, saved_model
from .progress import Progress

KERAS_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})

KINDS = "a .keras, .h5, .tflite or program file, a SavedModel folder"
"""What a model may be, in messages."""

CALIBRATION_SPAN = 120
"""Frames of a clip, from its start on, that calibration looks at."""

CALIBRATION_FRAMES = 20
"""Frames spread over the span that the converter is calibrated with (or a few more)."""

PROFILE_FRAMES = 16
"""Consecutive frames from which the compiler learns how much changes."""


@dataclass(frozen=True)
class Model:
    """A model ready to be compiled, or compiled already.

    Attributes:
        graph: The int8 network.
        value_range: What pixels 0 and 255 stand for.
        example: The built-in example that it is.
        program: The program, if that is what the user named.
        scales: Where its scales come from: the ``model`` that was int8 already, a ``clip``, or ``noise``.
    """

    graph: Graph
    value_range: ValueRange
    example: Example | None = None
    program: Program | None = None
    scales: str = "model"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a frame."""
        return image_shape(self.graph.name, self.graph.frame)

    def encoder(self) -> Encoder:
        """From frames of a clip to what a session takes of this model."""
        return make_encoder(self.graph.name, self.graph.frame, self.value_range)

    def codes(self, clip: Clip, count: int) -> npt.NDArray[np.int8]:
        """The device's codes of a clip's first frames, int8 (up to ``count``, height, width, channels)."""
        encoder = self.encoder()
        frames = np.stack([encoder(frame) for frame in islice(clip, count)])
        if not self.graph.head:
            return frames
        head = HostModel(self.graph.head, self.graph.name)
        return np.stack([codes for frame in frames for codes in head.run([frame])])


def load_model(
    spec: str,
    clip: Clip | None,
    value_range: ValueRange | None,
    progress: Progress,
    option: str = "--calibrate",
    noise: bool = False,
    split: str = "",
) -> Model:
    """Load a model.

    Args:
        spec: A ``.keras`` or ``.h5`` file, a SavedModel folder, an int8 ``.tflite`` file, a program file, or
            an example's name.
        clip: Frames to calibrate a model in floating point with.
        value_range: What pixels 0 and 255 stand for; inferred if None.
        progress: Told what is done.
        option: How the user would give a clip, for the message that one is missing.
        noise: Take frames of noise where there is no clip: shapes and memory are the same, scales are not.
        split: The device's last layer, or its first and last as ``FIRST:LAST``; empty to have them chosen.

    Raises:
        StillframeError: There is no such model, it is damaged, or it has something that is not supported.
    """
    loading = _Loading(spec, clip, value_range, progress, option, noise, split)
    path = Path(spec)
    if not path.exists() and (example := find_example(spec)):
        if example.tflite:
            return loading.int8(_read(example.tflite), example.name, example)
        build = example.build
        assert build, "an example is a Keras model or an int8 one"
        return loading.floating("Keras model", lambda: keras_model(build(), spec, example.name), example)
    if path.is_dir():
        return loading.floating("SavedModel", lambda: saved_model(path))
    if not path.is_file():
        raise StillframeError(
            f"model {spec}: expected {KINDS}, or one of {', '.join(MODELS)}, found nothing of that name",
            "check the path or the name",
        )
    if path.suffix.lower() in KERAS_SUFFIXES:
        return loading.floating("Keras model", lambda: keras_file(path))
    data = _read(path)
    if data.startswith(FILE_MAGIC):
        program = Program.from_bytes(data, spec)
        loading = replace(loading, split=program.split)
        return loading.int8(program.tflite, program.model, find_example(program.model), program)
    if path.suffix.lower() == ".tflite":
        return loading.int8(data, path.stem)
    raise StillframeError(
        f"model {spec}: expected {KINDS}, got {path.suffix or 'no ending'} and {data[:8]!r} at byte 0",
        "name its folder" if path.name == SAVED_MODEL_FILE else "convert the model to one of these",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StillframeError(
            f"model {path}: expected a file to read, got: {error.strerror}",
            "check the path and its permissions",
        ) from error


@dataclass(frozen=True)
class _Loading:
    """What :func:`load_model` was asked for."""

    spec: str
    clip: Clip | None
    value_range: ValueRange | None
    progress: Progress
    option: str
    noise: bool
    split: str

    def int8(
        self, data: bytes, name: str, example: Example | None = None, program: Program | None = None
    ) -> Model:
        """A ``.tflite`` file's content."""
        self.progress.stage(f"reading {self.spec}")
        graph = read_tflite(data, name, self.spec, split=self.split)
        if program:  # named after the model that the file was converted from
            names = (result.name for result in graph.results)
            graph = renamed(graph, dict(zip(names, (result.name for result in program.results), strict=True)))
        chosen = self._range(example, lambda: guess_range(graph.frame))
        return Model(graph, chosen, example, program)

    def floating(
        self, kind: str, open_model: Callable[[], FloatModel], example: Example | None = None
    ) -> Model:
        """A model in floating point, converted; ``kind`` is what messages call it."""
        if self.clip is None and not self.noise:
            raise StillframeError(
                f"model {self.spec}: expected a clip to calibrate a {kind} with, got none",
                f"name one, for example {self.option} carphone",
            )
        self.progress.stage(f"loading {kind} {self.spec}")
        load_tensorflow()
        model = open_model()
        chosen = self._range(example, lambda: (model.value_range, model.why))
        if self.clip:
            frames = [fit(frame, *model.input_shape) for frame in islice(self.clip, CALIBRATION_SPAN)]
            pixels = np.stack(frames[:: max(1, len(frames) // CALIBRATION_FRAMES)])
            text = f"calibrated on {len(pixels)} frames of {self.clip.name}"
        else:
            pixels = model.noise()
            text = "calibrated on noise: its scales are not those of a real clip"
        self.progress.stage(f"converting to int8, {text}")
        graph = model.convert(chosen.values(pixels), self.split)
        return Model(graph, chosen, example, scales="clip" if self.clip else "noise")

    def _range(self, example: Example | None, guess: Callable[[], tuple[ValueRange, str]]) -> ValueRange:
        """The range of values that pixels stand for, which the user is told together with the reason."""
        if self.value_range:
            chosen, why = self.value_range, "as asked"
        elif example:
            chosen, why = example.value_range, "known of the example"
        else:
            chosen, why = guess()
        self.progress.say(f"input range {chosen} ({why}; --input-range overrides)")
        return chosen
