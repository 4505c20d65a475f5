"""A description as an int8 network by TensorFlow's converter, with weights and frames drawn from its seed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from description import Description
from drawing import UnbuildableError, build
from tensorflow.lite.python import schema_py_generated as schema

from stillframe.frontend.quiet import quiet

CALIBRATION_FRAMES = 5

DEAD = 1e-8
"""The converter gives a scale below this to a tensor that is 0 in all calibration frames."""


def convert(description: Description) -> bytes:
    """The network as a ``.tflite`` file.

    Raises:
        UnbuildableError: The layers do not fit together, the converter fails, or a tensor is always 0.
    """
    rng = np.random.default_rng(description.seed)
    keras.backend.clear_session()
    model = build(description)
    _scatter(model, rng)
    spread = description.calibrated * (1 - description.low)
    frames = (1 - rng.random((CALIBRATION_FRAMES, *description.shape)) * spread).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([frame[np.newaxis]] for frame in frames)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, description.io)
    converter._experimental_disable_per_channel = not description.per_channel
    try:
        with quiet():
            data = converter.convert()
    except Exception as error:  # the converter raises many kinds
        raise UnbuildableError(f"TensorFlow's converter: {str(error)[:80]}") from error
    if min(_scales(data)) < DEAD:
        raise UnbuildableError("a tensor that is always 0, on which some of TensorFlow Lite's kernels abort")
    return data


def _scales(data: bytes) -> list[float]:
    """Scales of all quantised tensors of a file but the weights and biases."""
    (graph,) = schema.ModelT.InitFromPackedBuf(data, 0).subgraphs
    made = {index for operator in graph.operators for index in operator.outputs}
    scales = [graph.tensors[index].quantization.scale for index in sorted(made)]
    return [float(scale[0]) for scale in scales if scale is not None]


def frames_of(shape: tuple[int, ...], dtype: str, seed: int) -> npt.NDArray[Any]:
    """Eight frames: noise, a patch of it anew, a still frame, small changes everywhere, a cut to another
    scene, one element, extremes, and the first frame again.

    Returns:
        (8, *shape) of a dtype: int8 and uint8 over their whole range, float32 from -1 to 1.
    """
    rng = np.random.default_rng(seed)
    noise = rng.integers(-128, 128, shape)
    corner = [int(rng.integers(0, n)) for n in shape]
    patch = noise.copy()
    area = tuple(slice(at, at + 1 + n // 3) for at, n in zip(corner, shape, strict=True))
    patch[area] = rng.integers(-128, 128)
    wobble = patch + rng.integers(-4, 5, shape)
    cut = rng.integers(-60, 20, shape)
    dot = cut.copy()
    dot[tuple(corner)] ^= -1
    extremes = rng.choice([-128, 127], shape)
    codes = np.clip([noise, patch, patch, wobble, cut, dot, extremes, noise], -128, 127)
    match dtype:
        case "uint8":
            codes = codes + 128
        case "float32":
            return (codes / 128).astype(np.float32)
    return codes.astype(dtype)


def _scatter(model: keras.Model, rng: np.random.Generator) -> None:
    """Weights as training leaves them: channels of different size, some of them dead; biases; statistics."""
    for layer in model.layers:
        for variable in layer.weights:
            name = variable.path.split("/")[-1]
            variable.assign(_values(layer, name, tuple(variable.shape), rng))


def _values(layer: Any, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[Any]:
    match name:
        case "kernel":
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            taps = np.prod(shape[:2] if depthwise else shape[:-1])
            sizes = np.exp(rng.normal(0, 0.6, shape[2:] if depthwise else shape[-1:]))
            if sizes.size > 3:
                sizes *= rng.random(sizes.shape) > 0.04
            return rng.normal(0, 1 / np.sqrt(taps), shape) * sizes
        case "gamma" | "moving_variance":
            return rng.uniform(0.4, 2, shape)
        case "alpha":
            return rng.uniform(-0.3, 0.6, shape)
    return rng.normal(0, 0.3, shape)  # bias, beta, moving_mean
