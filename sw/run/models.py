"""Loading a model by what the user calls it, calibrated on a clip where that is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillframe.contract import Program, StillframeError
from stillframe.contract.program import FILE_MAGIC
from stillframe.examples import MODELS, Example, find_example
from stillframe.frontend import read_tflite
from stillframe.frontend.graph import Graph
from stillframe.frontend.quiet import load_tensorflow
from stillframe.frontend.saved_model import FILE as SAVED_MODEL_FILE
from stillframe.video import Clip, ValueRange, code_table, fit, infer_range

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
    """

    graph: Graph
    value_range: ValueRange
    example: Example | None = None
    program: Program | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a frame."""
        shape = self.graph.tensors[self.graph.input.tensor].shape
        if len(shape) != 3:
            raise StillframeError(
                f"model {self.graph.name}: expected an input of height, width and channels, got shape "
                f"{shape}",
                "run such a model from Python, with codes of your own (see README, Python)",
            )
        return shape[0], shape[1], shape[2]

    def encoder(self) -> Encoder:
        """From frames of a clip to this model's input codes."""
        tensor = self.graph.tensors[self.graph.input.tensor]
        return Encoder(self.input_shape, code_table(self.value_range, tensor.scale, tensor.zero_point))

    def codes(self, clip: Clip, count: int) -> npt.NDArray[np.int8]:
        """Input codes of the first frames of a clip, int8 (up to ``count``, height, width, channels)."""
        encoder = self.encoder()
        return np.stack([encoder(frame) for frame in islice(clip, count)])


@dataclass(frozen=True)
class Encoder:
    """From RGB frames, uint8 (any height, any width, 3), to input codes, int8 ``shape``."""

    shape: tuple[int, int, int]
    table: npt.NDArray[np.int8]

    def __call__(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
        return self.table[fit(frame, *self.shape)]


def load_model(
    spec: str,
    clip: Clip | None,
    value_range: ValueRange | None,
    progress: Progress,
    option: str = "--calibrate",
    noise: bool = False,
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

    Raises:
        StillframeError: There is no such model, it is damaged, or it has something that is not supported.
    """
    loading = _Loading(spec, clip, value_range, progress, option, noise)
    path = Path(spec)
    if not path.exists() and (example := find_example(spec)):
        if example.tflite:
            return loading.int8(_read(example.tflite), example.name, example)
        build = example.build
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

    def int8(
        self, data: bytes, name: str, example: Example | None = None, program: Program | None = None
    ) -> Model:
        """A ``.tflite`` file's content."""
        self.progress.stage(f"reading {self.spec}")
        graph = read_tflite(data, name, self.spec)
        tensor = graph.tensors[graph.input.tensor]
        chosen = self._range(
            example,
            lambda: (infer_range(tensor.scale, tensor.zero_point), "inferred from the input's quantisation"),
        )
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
        return Model(model.convert(chosen.values(pixels)), chosen, example)

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
