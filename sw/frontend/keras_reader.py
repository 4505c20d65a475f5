"""A Keras model as a graph: through TensorFlow's own converter, full integer, calibrated on frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stillframe.contract import StillframeError

from .converter import Frames, calibration_frames, convert, first_line, input_shape
from .graph import Graph
from .old_h5 import readable_h5
from .quiet import load_tensorflow, quiet
from .results import renamed
from .shapes import shape_text
from .tflite_reader import read_tflite
from .upsampling import with_resizing

H5_SUFFIXES = frozenset({".h5", ".hdf5"})


def from_keras(
    model: Any,
    calibration: Frames | Iterable[Frames],
    name: str | None = None,
    input_shape: tuple[int, int, int] | None = None,
    split: str = "",
) -> Graph:
    """Convert a Keras model to int8 and read it.

    Args:
        model: A Keras model with one input, or the path of a ``.keras``, ``.h5`` or ``.hdf5`` file.
        calibration: Frames as the model takes them, float, each (height, width, channels): an array or an
            iterable. The converter fixes the scales of all tensors by them, so they should be typical.
        name: What the model is called in reports; its own name if None.
        input_shape: (height, width, channels), needed if the model itself leaves it open.
        split: Where the device's part ends and begins, as for :func:`read_tflite`.

    Returns:
        The graph; ``Graph.tflite`` is the int8 model. Outputs are named as in the Keras model, where it names
        them.

    Raises:
        StillframeError: The file cannot be loaded, the input's shape is open, the frames have another
            shape, or the model has something that the converter or Stillframe does not support.
    """
    tf = load_tensorflow()
    if isinstance(model, str | os.PathLike):
        model = load_keras(model)
    name = name or model.name
    shape = _input_shape(model, name, input_shape)
    frames = calibration_frames(calibration, shape, name)
    image = tf.keras.Input(shape, batch_size=1, name="input")
    try:
        with quiet():
            fixed = tf.keras.Model(image, with_resizing(model)(image), name=model.name)
    except Exception as error:  # whatever the model's own code raises
        raise StillframeError(
            f"model {name}: expected it to take an input of 1 x {shape_text(shape)}, "
            f"got: {first_line(error)}",
            "check the input's shape",
        ) from error
    with quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
    data = convert(converter, frames, name)
    graph = read_tflite(data, name, f"model {name}", set(_layer_names(model)), split)
    return _with_keras_names(graph, model)


def load_keras(path: str | os.PathLike[str]) -> Any:
    """Load a ``.keras``, ``.h5`` or ``.hdf5`` file, of older Keras versions too (:mod:`.old_h5`).

    Raises:
        StillframeError: There is no such file, or Keras cannot load it.
    """
    tf = load_tensorflow()
    path = Path(path)
    with quiet():
        from . import fixed_scale  # noqa: F401 - registers the layer that stillframe.train.export writes
    if not path.is_file():
        raise StillframeError(
            f"model {path}: expected a .keras or .h5 file, found {'a folder' if path.is_dir() else 'none'}",
            "check the path",
        )
    try:
        with quiet(), readable_h5(path) if path.suffix.lower() in H5_SUFFIXES else nullcontext(path) as file:
            return tf.keras.models.load_model(file, compile=False)
    except StillframeError:
        raise
    except Exception as error:  # Keras raises whatever its readers of files and configurations raise
        raise StillframeError(
            f"model {path}: expected a model that Keras {tf.keras.__version__} can load, "
            f"got: {first_line(error)}",
            "check that the file is whole; save it again with model.save(), without custom layers, "
            "or export it with tf.saved_model.save(model, FOLDER)",
        ) from error


def _input_shape(model: Any, name: str, given: tuple[int, int, int] | None) -> tuple[int, ...]:
    """Shape of one frame, from the model or as given."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise StillframeError(
            f"model {name}: expected one input, got {len(inputs)} ({', '.join(i.name for i in inputs)})",
            "split the model, or stack its inputs into the channels of one",
        )
    own = tuple(inputs[0].shape[1:]) if inputs else ()
    return input_shape(own, name, given, "build it with keras.Input((height, width, channels))")


def _layer_names(model: Any) -> Iterator[str]:
    for layer in model.layers:
        yield layer.name
        if hasattr(layer, "layers"):
            yield from _layer_names(layer)


def _with_keras_names(graph: Graph, model: Any) -> Graph:
    """Name outputs as the Keras model does: the converter calls them output_0, ... by itself."""
    names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
    signature = [f"output_{i}" for i in range(len(graph.results))]
    if sorted(result.name for result in graph.results) != sorted(signature):
        return graph
    if len(names) != len(signature) or len(set(names)) != len(names):
        return graph
    return renamed(graph, dict(zip(signature, names, strict=True)))
