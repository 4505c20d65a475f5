"""``.h5`` files as Keras 2 wrote them: settings that Keras 3 dropped, names that it changed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from stillframe.contract import StillframeError
from stillframe.frontend import from_keras
from stillframe.frontend.keras_reader import load_keras
from stillframe.frontend.old_h5 import ATTRIBUTE, renew
from stillframe.frontend.quiet import load_tensorflow, quiet

SHAPE = (12, 16, 3)
FRAMES = np.random.default_rng(0).random((4, *SHAPE), np.float32)
L2 = {"class_name": "L2", "config": {"l2": 1e-4}}
POLICY = {"class_name": "Policy", "config": {"name": "mixed_float16"}}


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_tensorflow().keras


def aged(model: Any, path: Path, age: Callable[[str, dict[str, Any]], None]) -> Path:
    """Save a model as ``.h5`` and let ``age`` change the settings of each layer, given with its class."""
    with quiet():
        model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs[ATTRIBUTE])
        for layer in config["config"]["layers"]:
            age(layer["class_name"], layer["config"])
        file.attrs[ATTRIBUTE] = json.dumps(config)
    return path


def like_keras_2(kind: str, settings: dict[str, Any]) -> None:
    """The settings of TensorFlow 2.3 to 2.15, as their files show them."""
    settings["dtype"] = "float32"
    for key in ("optional", "autocast", "quantization_config"):
        settings.pop(key, None)
    match kind:
        case "InputLayer":
            settings["batch_input_shape"] = settings.pop("batch_shape")
        case "DepthwiseConv2D":
            settings |= {"groups": 1, "depthwise_regularizer": L2}
        case "SeparableConv2D":
            spare = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
            settings |= {"groups": 1} | dict.fromkeys(spare)
        case "Conv2DTranspose":
            settings |= {"groups": 1}
        case "SpatialDropout2D":
            settings |= {"noise_shape": None, "trainable": True}
        case "BatchNormalization":
            settings["axis"] = [settings["axis"]]
        case "LeakyReLU":
            settings["alpha"] = settings.pop("negative_slope")


@pytest.fixture(scope="module")
def network(keras: Any) -> Any:
    layers = keras.layers
    keras.utils.set_random_seed(5)
    image = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, kernel_regularizer="l2")(image)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depth")(x)
    x = layers.SeparableConv2D(4, 3, name="separable")(x)
    x = layers.LeakyReLU(0.25)(x)
    x = layers.SpatialDropout2D(0.5)(x)
    x = layers.Conv2DTranspose(2, 2, strides=2)(x)
    return keras.Model(image, x)


def test_a_file_of_keras_2_gives_the_same_values(
    keras: Any, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = aged(network, tmp_path / "old.h5", like_keras_2)
    before = path.read_bytes()
    with quiet(), pytest.raises(TypeError, match="groups"):  # what Keras 3 says by itself
        keras.models.load_model(path, compile=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = load_keras(path)
    np.testing.assert_array_equal(model(FRAMES), network(FRAMES))
    assert os.listdir(tmp_path) == ["old.h5"]
    assert path.read_bytes() == before


def test_it_converts(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Conv2D(4, 3, activation="relu", name="only")], name="new"
    )
    path = aged(model, tmp_path / "old.hdf5", like_keras_2)
    assert from_keras(path, FRAMES, "old").tflite == from_keras(model, FRAMES, "old").tflite


def test_a_network_in_a_network(keras: Any, tmp_path: Path) -> None:
    """Keras 2 writes an inner network's first layer with a ``batch_input_shape``."""
    keras.utils.set_random_seed(5)
    inner = keras.Sequential([keras.Input(SHAPE), keras.layers.DepthwiseConv2D(3)])
    outer = keras.Sequential([keras.Input(SHAPE), inner])

    def age(kind: str, settings: dict[str, Any]) -> None:
        like_keras_2(kind, settings)
        for layer in settings.get("layers", []):
            like_keras_2(layer["class_name"], layer["config"])
            if layer["class_name"] != "InputLayer":
                layer["config"]["batch_input_shape"] = [None, *SHAPE]

    path = aged(outer, tmp_path / "nested.h5", age)
    np.testing.assert_array_equal(load_keras(path)(FRAMES), outer(FRAMES))


def test_a_sequential_network_whose_first_layer_has_the_input_shape(keras: Any, tmp_path: Path) -> None:
    """So the Keras of TensorFlow 1 wrote it: there is no layer for the input."""
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(4, 3, name="first")])
    path = aged(model, tmp_path / "first.h5", like_keras_2)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs[ATTRIBUTE])
        entry, first = config["config"]["layers"]
        first["config"]["batch_input_shape"] = entry["config"]["batch_input_shape"]
        config["config"] = {"name": "old", "layers": [first]}
        file.attrs[ATTRIBUTE] = json.dumps(config)
    loaded = load_keras(path)
    assert loaded.inputs[0].shape == (None, *SHAPE)
    np.testing.assert_array_equal(loaded(FRAMES), model(FRAMES))


def test_mixed_precision_becomes_float32(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(4, 3)])

    def age(kind: str, settings: dict[str, Any]) -> None:
        settings["dtype"] = POLICY if kind == "Conv2D" else "float32"

    path = aged(model, tmp_path / "half.h5", age)
    np.testing.assert_array_equal(load_keras(path)(FRAMES), model(FRAMES))


def test_what_changes_something_stays() -> None:
    layer = {"class_name": "DepthwiseConv2D", "config": {"groups": 2, "strides": [2, 1], "dtype": "int32"}}
    assert renew([layer]) == [layer]


def message(path: Path) -> str:
    with pytest.raises(StillframeError) as error:
        load_keras(path)
    return str(error.value)


def test_layers_that_keras_3_does_not_have(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.ReLU(name="own"), keras.layers.Flatten(name="flat")]
    )
    path = aged(model, tmp_path / "own.h5", lambda kind, settings: None)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs[ATTRIBUTE])
        config["config"]["layers"][1]["class_name"] = "ThresholdedReLU"
        config["config"]["layers"][2]["class_name"] = "TFOpLambda"
        file.attrs[ATTRIBUTE] = json.dumps(config)
    assert message(path) == (
        f"model {path}: expected layers that Keras {keras.__version__} has, "
        "got ThresholdedReLU (layer 'own'), TFOpLambda (layer 'flat')\n"
        "  -> export it with the TensorFlow that made it, tf.saved_model.save(model, FOLDER), "
        "and give that folder"
    )


def test_a_file_of_weights_alone(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "some.weights.h5"
    with quiet():
        keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(4, 3)]).save_weights(path)
    assert message(path) == (
        f"model {path}: expected a whole model, got a file of weights alone\n"
        "  -> save the model with model.save(), not with save_weights()"
    )
