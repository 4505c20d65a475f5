"""A SavedModel folder as a graph, written by ``model.export``, ``tf.saved_model.save`` or Keras 2."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillframe.contract import StillframeError

from .converter import Frames, calibration_frames, convert, first_line, input_shape
from .graph import Graph
from .quiet import load_tensorflow, quiet
from .shapes import shape_text
from .tflite_reader import read_tflite

FILE = "saved_model.pb"
"""What makes a folder a SavedModel."""

SIGNATURE = "serving_default"
"""The function of a SavedModel that is run, if it has several."""


@dataclass(frozen=True)
class SavedModel:
    """A SavedModel that is loaded.

    Attributes:
        path: Its folder.
        shape: Shape of its input without the batch, None where it is open; empty if it says nothing.
        argument: Name of the input.
        function: The signature.
        loaded: What ``tf.saved_model.load`` gave; it owns the weights.
    """

    path: Path
    shape: tuple[int | None, ...]
    argument: str
    function: Any
    loaded: Any


def load_saved_model(path: str | os.PathLike[str]) -> SavedModel:
    """Load a SavedModel folder.

    Raises:
        StillframeError: It is no such folder, TensorFlow cannot load it, or it has not one float32 input of a
            batch that may be 1.
    """
    path = Path(path)
    if not (path / FILE).is_file():
        raise StillframeError(
            f"model {path}: expected a SavedModel folder with {FILE} in it, got {_content(path)}",
            "check the path; Keras's model.export(FOLDER) makes such a folder",
        )
    tf = load_tensorflow()
    try:
        with quiet():
            loaded = tf.saved_model.load(path)
    except Exception as error:  # whatever TensorFlow's readers raise
        raise StillframeError(
            f"model {path}: expected a SavedModel that TensorFlow {tf.__version__} can load, "
            f"got: {first_line(error)}",
            "check that the folder is whole, variables included; export the model again",
        ) from error
    function = _signature(path, dict(loaded.signatures))
    specs = function.structured_input_signature[1]
    if len(specs) != 1:
        raise StillframeError(
            f"model {path}: expected one input, got {len(specs)} ({', '.join(sorted(specs)) or 'none'})",
            "split the model, or stack its inputs into the channels of one",
        )
    ((argument, spec),) = specs.items()
    shape = () if spec.shape.rank is None else tuple(spec.shape)
    if spec.dtype != tf.float32:
        raise StillframeError(
            f"model {path}: expected a float32 input, got {spec.dtype.name} in {argument!r}",
            "export the model with a float32 input; Stillframe makes it int8",
        )
    if shape and shape[0] not in (None, 1):
        raise StillframeError(
            f"model {path}: expected an input with an open batch, or one of 1, got {shape_text(shape)}",
            "export the model with a batch of None or 1",
        )
    return SavedModel(path, shape[1:], argument, function, loaded)


def from_saved_model(
    model: SavedModel | str | os.PathLike[str],
    calibration: Frames | Iterable[Frames],
    name: str | None = None,
    input_shape: tuple[int, int, int] | None = None,
    split: str = "",
) -> Graph:
    """Convert a SavedModel to int8 and read it.

    Args:
        model: What :func:`load_saved_model` gave, or the folder.
        calibration: Frames as the model takes them, float, each (height, width, channels): an array or an
            iterable. The converter fixes the scales of all tensors by them, so they should be typical.
        name: What the model is called in reports; the folder's name if None.
        input_shape: (height, width, channels), needed if the model itself leaves it open.
        split: Where the device's part ends and begins, as for :func:`read_tflite`.

    Returns:
        The graph; ``Graph.tflite`` is the int8 model. Outputs are named as in the signature.

    Raises:
        StillframeError: The folder cannot be loaded, the input's shape is open, the frames have another
            shape, or the model has something that the converter or Stillframe does not support.
    """
    tf = load_tensorflow()
    if not isinstance(model, SavedModel):
        model = load_saved_model(model)
    name = name or model.path.name
    shape = fixed_shape(model, name, input_shape)
    frames = calibration_frames(calibration, shape, name)
    try:
        with quiet():
            function = tf.function(lambda image: model.function(**{model.argument: image}))
            fixed = function.get_concrete_function(tf.TensorSpec((1, *shape), tf.float32, name="input"))
            converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed], model.loaded)
    except Exception as error:  # whatever the model's own functions raise
        raise StillframeError(
            f"model {name}: expected it to take an input of 1 x {shape_text(shape)}, "
            f"got: {first_line(error)}",
            "check the input's shape",
        ) from error
    # Keras names variables after their layers: layer/kernel:0.
    layers = {variable.name.split("/")[-2] for variable in model.function.variables if "/" in variable.name}
    return read_tflite(convert(converter, frames, name), name, f"model {name}", layers, split)


def fixed_shape(model: SavedModel, name: str, given: tuple[int, int, int] | None = None) -> tuple[int, ...]:
    """Shape of one frame, from the model or as given.

    Raises:
        StillframeError: The model leaves it open and none is given.
    """
    return input_shape(model.shape, name, given, "export the model with a fixed input shape")


def _content(path: Path) -> str:
    if not path.is_dir():
        return "a file" if path.exists() else "nothing of that name"
    names = sorted(entry.name for entry in path.iterdir())
    return (
        f"a folder with {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        if names
        else "an empty folder"
    )


def _signature(path: Path, signatures: dict[str, Any]) -> Any:
    if SIGNATURE in signatures:
        return signatures[SIGNATURE]
    if len(signatures) != 1:
        raise StillframeError(
            f"model {path}: expected a signature {SIGNATURE!r}, "
            f"got {', '.join(map(repr, sorted(signatures))) or 'no signature at all'}",
            "save it with tf.saved_model.save(model, FOLDER, signatures=FUNCTION)",
        )
    return next(iter(signatures.values()))
