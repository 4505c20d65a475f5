"""Files that are whole but no int8 models."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_writer import ModelWriter

from stillframe.contract import StillframeError
from stillframe.frontend import read_tflite
from stillframe.frontend.quiet import load_tensorflow, quiet


def message(data: bytes) -> str:
    with pytest.raises(StillframeError) as error:
        read_tflite(data, "net", "net.tflite")
    return str(error.value)


def expected(computes: str) -> str:
    return (
        f"net.tflite: expected a model quantised to int8, got one that computes in {computes}\n"
        "  -> give the Keras model or the SavedModel that it was made from, with a clip to calibrate on, "
        "or convert it with full-integer quantisation (int8 weights and activations)"
    )


@pytest.mark.parametrize("kind", ["UINT8", "INT16", "FLOAT32"])
def test_another_type(kind: str) -> None:
    writer = ModelWriter()
    image = writer.tensor("image", (1, 4, 4, 2), kind, 0.1)
    result = writer.tensor("result", (1, 4, 4, 2), kind, 0.1)
    writer.operator("RELU", [image], [result])
    assert message(writer.finish([image], [result])) == expected(kind.lower())


@pytest.mark.parametrize("optimised", [False, True])
def test_what_the_converter_gives_without_calibration(optimised: bool) -> None:
    tf = load_tensorflow()
    layers = [tf.keras.Input((16, 16, 3)), tf.keras.layers.Conv2D(64, 3), tf.keras.layers.Flatten()]
    with quiet():
        model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(4)])
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if optimised else []
        data = converter.convert()
    weights = b"quantised" if optimised else b"float"
    assert np.frombuffer(data, np.uint8).size < 70_000 or weights == b"float"  # int8 weights alone do not do
    assert message(data) == expected("float32")
