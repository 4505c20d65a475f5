"""A Keras model as a graph: through TensorFlow's own converter, full integer, calibrated on frames."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError

from .graph import Graph
from .operators import HANDLERS
from .quiet import load_tensorflow, quiet
from .shapes import shape_text
from .tflite_reader import read_tflite

Frames = npt.NDArray[np.floating[Any]]


def from_keras(
    model: Any,
    calibration: Frames | Iterable[Frames],
    name: str | None = None,
    input_shape: tuple[int, int, int] | None = None,
) -> Graph:
    """Convert a Keras model to int8 and read it.

    Args:
        model: A Keras model with one input, or the path of a ``.keras`` or ``.h5`` file.
        calibration: Frames as the model takes them, float, each (height, width, channels): an array or an
            iterable. The converter fixes the scales of all tensors by them, so they should be typical.
        name: What the model is called in reports; its own name if None.
        input_shape: (height, width, channels), needed if the model itself leaves it open.

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
    frames = list(_checked(calibration, shape, name))
    if not frames:
        raise StillframeError(
            f"model {name}: expected frames to calibrate with, got none", "give frames of a typical clip"
        )
    image = tf.keras.Input(shape, batch_size=1, name="input")
    try:
        with quiet():
            fixed = tf.keras.Model(image, model(image), name=model.name)
    except Exception as error:  # whatever the model's own code raises
        raise StillframeError(
            f"model {name}: expected it to take an input of 1 x {shape_text(shape)}, "
            f"got: {_first_line(error)}",
            "check the input's shape",
        ) from error
    data = _convert(tf, fixed, frames, name)
    return _with_keras_names(read_tflite(data, name, f"model {name}", set(_layer_names(model))), model)


def load_keras(path: str | os.PathLike[str]) -> Any:
    """Load a ``.keras`` or ``.h5`` file.

    Raises:
        StillframeError: There is no such file, or Keras cannot load it.
    """
    tf = load_tensorflow()
    with quiet():
        from . import fixed_scale  # noqa: F401 - registers the layer that stillframe.train.export writes
    if not Path(path).is_file():
        raise StillframeError(f"model {path}: expected a .keras or .h5 file, found none", "check the path")
    try:
        with quiet():
            return tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its readers of files and configurations raise
        raise StillframeError(
            f"model {path}: expected a model that Keras {tf.keras.__version__} can load, "
            f"got: {_first_line(error)}",
            "check that the file is whole; save it again with model.save(), without custom layers",
        ) from error


def _input_shape(model: Any, name: str, given: tuple[int, int, int] | None) -> tuple[int, ...]:
    """Shape of one frame, from the model or as given."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise StillframeError(
            f"model {name}: expected one input, got {len(inputs)} ({', '.join(i.name for i in inputs)})",
            "split the model, or stack its inputs into the channels of one",
        )
    if given is not None:
        return tuple(given)
    shape = tuple(inputs[0].shape[1:]) if inputs else ()
    if not shape or None in shape:
        got = " x ".join("?" if n is None else str(n) for n in shape) or "none at all"
        raise StillframeError(
            f"model {name}: expected an input of fixed height, width and channels, got {got}",
            "give input_shape=(height, width, channels), "
            "or build it with keras.Input((height, width, channels))",
        )
    return shape


def _checked(calibration: Iterable[Frames], shape: tuple[int, ...], name: str) -> Iterator[Frames]:
    for i, frame in enumerate(calibration):
        if frame.shape != shape:
            raise StillframeError(
                f"model {name}: expected calibration frames of {shape_text(shape)}, "
                f"got {shape_text(frame.shape)} in frame {i}",
                "resize the frames to the model's input",
            )
        yield np.asarray(frame, np.float32)[np.newaxis]


def _convert(tf: Any, model: Any, frames: list[Frames], name: str) -> bytes:
    with quiet() as kept:
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([frame] for frame in frames)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        try:
            return converter.convert()
        except Exception as error:  # the converter raises many kinds
            kept.seek(0)
            chatter = kept.read().decode(errors="replace")
            raise StillframeError(
                f"model {name}: expected a network that TensorFlow's converter can bring to int8, "
                f"got {_culprit(f'{error} {chatter}') or _first_line(error)}",
                f"replace the layer; supported are {', '.join(sorted(HANDLERS))}",
            ) from error


def _culprit(text: str) -> str:
    """The operator that the converter complains of; empty if it names none."""
    if found := re.search(r"Quantization not yet supported for op: '?([\w.]+)", text):
        return found[1]
    found = re.search(r"'(tf\.\w+)' op is neither a custom op nor a flex op", text)
    return found[1] if found else ""


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _layer_names(model: Any) -> Iterator[str]:
    for layer in model.layers:
        yield layer.name
        if hasattr(layer, "layers"):
            yield from _layer_names(layer)


def _with_keras_names(graph: Graph, model: Any) -> Graph:
    """Name outputs as the Keras model does: the converter calls them output_0, ... by itself."""
    names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
    signature = [f"output_{i}" for i in range(len(graph.outputs))]
    if sorted(o.name for o in graph.outputs) != sorted(signature):
        return graph
    if len(names) != len(signature) or len(set(names)) != len(names):
        return graph
    keras_names = dict(zip(signature, names, strict=True))
    return replace(graph, outputs=tuple(replace(o, name=keras_names[o.name]) for o in graph.outputs))
