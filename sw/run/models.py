"""Loading a model by what the user calls it, calibrated on a clip where that is needed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import Program, StillframeError
from stillframe.contract.program import FILE_MAGIC
from stillframe.examples import MODELS, Example, find_example
from stillframe.frontend import read_tflite
from stillframe.frontend.graph import Graph
from stillframe.frontend.keras_reader import load_keras
from stillframe.video import Clip, ValueRange, code_table, fit, infer_range

from .progress import Progress

KERAS_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})

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
) -> Model:
    """Load a model.

    Args:
        spec: A ``.keras`` or ``.h5`` file, an int8 ``.tflite`` file, a program file, or an example's name.
        clip: Frames to calibrate a Keras model with.
        value_range: What pixels 0 and 255 stand for; inferred if None.
        progress: Told what is done.
        option: How the user would give a clip, for the message that one is missing.

    Raises:
        StillframeError: There is no such model, it is damaged, or it has something that is not supported.
    """
    path = Path(spec)
    if not path.exists() and (example := find_example(spec)):
        if example.tflite:
            return _from_tflite(
                _read(example.tflite), example.name, spec, value_range, progress, None, example
            )
        return _from_keras(example.name, spec, example.build, example, clip, value_range, progress, option)
    if not path.is_file():
        raise StillframeError(
            f"model {spec}: expected a .keras, .h5, .tflite or program file, or one of {', '.join(MODELS)}, "
            f"found {'a folder' if path.is_dir() else 'nothing of that name'}",
            "check the path or the name",
        )
    if path.suffix.lower() in KERAS_SUFFIXES:
        return _from_keras(
            path.stem, spec, lambda: _load_keras(path), None, clip, value_range, progress, option
        )
    data = _read(path)
    if data.startswith(FILE_MAGIC):
        program = Program.from_bytes(data, spec)
        return _from_tflite(program.tflite, program.model, spec, value_range, progress, program)
    if path.suffix.lower() == ".tflite":
        return _from_tflite(data, path.stem, spec, value_range, progress, None)
    raise StillframeError(
        f"model {spec}: expected a .keras, .h5, .tflite or program file, got {path.suffix or 'no ending'} "
        f"and {data[:8]!r} at byte 0",
        "convert the model to one of these",
    )


def _load_keras(path: Path) -> Any:
    """A Keras file; a network with Delta Activation Layers becomes the plain one that they stand for."""
    from stillframe.frontend.quiet import quiet

    with quiet():
        from stillframe.train import DeltaActivation, export

    model = load_keras(path)
    if not any(isinstance(layer, DeltaActivation) for layer in model.layers):
        return model
    try:
        with quiet():
            return export(model)
    except ValueError as error:
        raise StillframeError(
            f"model {path}: expected Delta Activation Layers as stillframe.train.sparsify places them, "
            f"got: {error}",
            "see docs/training.md",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StillframeError(
            f"model {path}: expected a file to read, got: {error.strerror}",
            "check the path and its permissions",
        ) from error


def _from_tflite(
    data: bytes,
    name: str,
    source: str,
    value_range: ValueRange | None,
    progress: Progress,
    program: Program | None,
    example: Example | None = None,
) -> Model:
    progress.stage(f"reading {source}")
    graph = read_tflite(data, name, source)
    tensor = graph.tensors[graph.input.tensor]
    example = find_example(name) if program else example
    if value_range:
        chosen, why = value_range, "as asked"
    elif example:
        chosen, why = example.value_range, "known of the example"
    else:
        chosen, why = infer_range(tensor.scale, tensor.zero_point), "inferred from the input's quantisation"
    _say_range(progress, chosen, why)
    return Model(graph, chosen, example, program)


def _from_keras(
    name: str,
    spec: str,
    build: Any,
    example: Example | None,
    clip: Clip | None,
    value_range: ValueRange | None,
    progress: Progress,
    option: str,
) -> Model:
    from stillframe.frontend import from_keras
    from stillframe.frontend.quiet import load_tensorflow

    if clip is None:
        raise StillframeError(
            f"model {spec}: expected a clip to calibrate a Keras model with, got none",
            f"name one, for example {option} carphone",
        )
    progress.stage(f"loading Keras model {spec}")
    load_tensorflow()
    model = build()
    height, width, channels = _keras_shape(model, spec)
    if value_range:
        chosen, why = value_range, "as asked"
    elif example:
        chosen, why = example.value_range, "known of the example"
    elif _begins_with_rescaling(model):
        chosen, why = ValueRange(0, 255), "the model rescales its input itself"
    else:
        chosen, why = ValueRange(0, 1), "taken for Keras models without a Rescaling layer"
    _say_range(progress, chosen, why)
    frames = [fit(frame, height, width, channels) for frame in islice(clip, CALIBRATION_SPAN)]
    frames = frames[:: max(1, len(frames) // CALIBRATION_FRAMES)]
    progress.stage(f"converting to int8, calibrated on {len(frames)} frames of {clip.name}")
    return Model(from_keras(model, chosen.values(np.stack(frames)), name), chosen, example)


def _say_range(progress: Progress, value_range: ValueRange, why: str) -> None:
    progress.say(f"input range {value_range} ({why}; --input-range overrides)")


def _keras_shape(model: Any, spec: str) -> tuple[int, int, int]:
    if len(model.inputs) != 1:
        raise StillframeError(
            f"model {spec}: expected one input, got {len(model.inputs)}",
            "split the model so that frames are its input",
        )
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or None in shape:
        raise StillframeError(
            f"model {spec}: expected an input of fixed height, width and channels, got shape {shape}",
            "build it with keras.Input((height, width, channels))",
        )
    return shape


def _begins_with_rescaling(model: Any) -> bool:
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            return _begins_with_rescaling(layer)
        return isinstance(layer, keras.layers.Rescaling)
    return False
