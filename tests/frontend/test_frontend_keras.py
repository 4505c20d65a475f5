"""Keras models through the converter."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
import pytest

from stillframe.contract import StillframeError
from stillframe.frontend import Graph, from_keras
from stillframe.frontend.operators import HANDLERS
from stillframe.frontend.quiet import load_tensorflow, quiet
from stillframe.golden import GoldenModel, ReferenceModel

SHAPE = (12, 16, 3)
FRAMES = np.random.default_rng(0).random((8, *SHAPE), np.float32)
SUPPORTED = ", ".join(sorted(HANDLERS))


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_tensorflow().keras


@pytest.fixture(scope="module")
def network(keras: Any) -> Any:
    """Everything that is supported in one model with two outputs."""
    layers = keras.layers
    keras.utils.set_random_seed(3)
    image = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(6, 3, activation="relu", name="first")(image)
    x = layers.MaxPooling2D(2, padding="same", name="pool")(x)
    x = layers.Conv2D(8, (2, 3), strides=(1, 2), padding="same", use_bias=False, name="second")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="uniform", name="slopes")(x)
    x = layers.Conv2D(5, 1, activation="relu6", name="third")(x)
    heat = layers.Conv2D(2, 1, name="heat")(x)
    x = layers.Dense(10, activation="relu", name="hidden")(layers.Flatten(name="flat")(x))
    classes = layers.Dense(4, activation="softmax", name="classes")(x)
    return keras.Model(image, [classes, heat], name="network")


def assert_equals_reference(graph: Graph) -> None:
    scale, zero_point = graph.tensors[0].scale, graph.tensors[0].zero_point
    codes = np.clip(np.round(FRAMES / scale) + zero_point, -128, 127).astype(np.int8)
    expected, _ = ReferenceModel(graph).run(codes)
    for mode in ("delta", "direct"):
        outputs = GoldenModel(graph, mode=mode).run(codes).outputs
        for name, values in expected.items():
            np.testing.assert_array_equal(outputs[name], values)
            assert values.std() > 0


def message(*arguments: Any, **options: Any) -> str:
    with pytest.raises(StillframeError) as error:
        from_keras(*arguments, **options)
    return str(error.value)


def test_a_network_becomes_its_graph(network):
    graph = from_keras(network, FRAMES)
    assert sorted((n.name, n.op) for n in graph.nodes) == [
        ("classes", "FULLY_CONNECTED"),
        ("first", "CONV_2D"),
        ("heat", "CONV_2D"),
        ("hidden", "FULLY_CONNECTED"),
        ("pool", "MAX_POOL_2D"),
        ("second", "CONV_2D"),
        ("slopes", "PRELU"),
        ("third", "CONV_2D"),
    ]
    assert {o.name: o.shape for o in graph.outputs} == {"classes": (4,), "heat": (5, 4, 2)}
    assert [p["op"] for o in graph.outputs if o.name == "classes" for p in o.host_ops] == ["SOFTMAX"]
    assert graph.name == "network"
    assert graph.tflite[4:8] == b"TFL3"
    assert_equals_reference(graph)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_from_a_file(network, tmp_path, ending):
    path = tmp_path / f"saved.{ending}"
    with quiet():
        network.save(path)
    graph = from_keras(path, (frame for frame in FRAMES), name="mine")
    assert graph.name == "mine"
    assert graph.tflite == from_keras(str(path), FRAMES).tflite
    assert_equals_reference(graph)


def test_nothing_is_printed_and_nothing_left_behind(network, capfd, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    from_keras(network, FRAMES)
    assert capfd.readouterr() == ("", "")
    assert os.listdir(tmp_path) == []


def test_an_open_input_shape_may_be_given(keras):
    model = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3, name="only")], name="open"
    )
    assert message(model, FRAMES) == (
        "model open: expected an input of fixed height, width and channels, got ? x ? x 3\n"
        "  -> give input_shape=(height, width, channels), "
        "or build it with keras.Input((height, width, channels))"
    )
    graph = from_keras(model, FRAMES, input_shape=SHAPE)
    assert graph.tensors[0].shape == SHAPE
    assert [o.name for o in graph.outputs] == ["only"]
    assert_equals_reference(graph)


def test_a_subclassed_model(keras):
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.body = keras.layers.Conv2D(3, 3, name="body")
            self.ends = [keras.layers.Conv2D(2, 1, name="left"), keras.layers.Conv2D(1, 1, name="right")]

        def call(self, x: Any) -> Any:
            x = self.body(x)
            return [end(x) for end in self.ends]

    assert message(Own(), FRAMES) == (
        "model own: expected an input of fixed height, width and channels, got none at all\n"
        "  -> give input_shape=(height, width, channels), "
        "or build it with keras.Input((height, width, channels))"
    )
    graph = from_keras(Own(), FRAMES, input_shape=SHAPE)
    assert sorted(o.name for o in graph.outputs) == ["output_0", "output_1"]
    assert sorted(n.name for n in graph.nodes) == ["body", "left", "right"]
    assert_equals_reference(graph)


def test_one_output_given_twice_has_two_names(keras):
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(2, 1, name="twin")(image)
    graph = from_keras(keras.Model(image, [x, x]), FRAMES)
    assert sorted(o.name for o in graph.outputs) == ["output_0", "output_1"]


def sequential(keras: Any, *layers: Any) -> Any:
    return keras.Sequential([keras.Input(SHAPE), *layers], name="net")


def test_refusals_name_the_layer(keras):
    layers = keras.layers
    body = layers.Conv2D(4, 3, name="body")
    hint = f"  -> replace the layer; supported are {SUPPORTED}"
    assert message(sequential(keras, layers.Conv2DTranspose(4, 3, name="grow")), FRAMES) == (
        "model net: layer 'grow' (operator 0, TRANSPOSE_CONV): expected a supported operator, "
        f"got TRANSPOSE_CONV\n  -> use UpSampling2D and a convolution instead; supported are {SUPPORTED}"
    )
    slopes = from_keras(sequential(keras, body, layers.PReLU(name="slopes")), FRAMES).assignments[1]
    assert (slopes.layer, slopes.op, slopes.host, slopes.why) == (
        "slopes",
        "PRELU",
        True,
        "expected one slope for each of 4 channels, or one for all, got slopes of 10 x 14 x 4: "
        "make the layer with PReLU(shared_axes=[1, 2])",
    )
    erf = layers.Activation(load_tensorflow().math.erf)
    assert message(sequential(keras, body, erf), FRAMES) == (
        f"model net: expected a network that TensorFlow's converter can bring to int8, got tf.Erf\n{hint}"
    )


def test_two_inputs(keras):
    a, b = keras.Input(SHAPE, name="a"), keras.Input(SHAPE, name="b")
    assert message(keras.Model([a, b], keras.layers.Add()([a, b]), name="pair"), FRAMES) == (
        "model pair: expected one input, got 2 (a, b)\n"
        "  -> split the model, or stack its inputs into the channels of one"
    )


def test_calibration_frames_of_another_shape_or_none(network):
    assert message(network, FRAMES[:, :5]) == (
        "model network: expected calibration frames of 12 x 16 x 3, got 5 x 16 x 3 in frame 0\n"
        "  -> resize the frames to the model's input"
    )
    assert message(network, FRAMES[:0]) == (
        "model network: expected frames to calibrate with, got none\n  -> give frames of a typical clip"
    )


def test_files_that_are_no_models(tmp_path, keras):
    path = tmp_path / "none.keras"
    assert message(path, FRAMES) == (
        f"model {path}: expected a .keras or .h5 file, found none\n  -> check the path"
    )
    version = keras.__version__
    for ending in ("keras", "h5"):
        path = tmp_path / f"broken.{ending}"
        path.write_bytes(b"no model at all")
        text = message(path, FRAMES)
        assert text.startswith(f"model {path}: expected a model that Keras {version} can load, got: ")
        assert text.endswith(
            "\n  -> check that the file is whole; save it again with model.save(), without custom layers, "
            "or export it with tf.saved_model.save(model, FOLDER)"
        )
        assert text.count("\n") == 1


def test_a_shape_that_the_model_cannot_take(keras):
    model = sequential(keras, keras.layers.Conv2D(2, 3))
    text = message(model, FRAMES[:, :2], input_shape=(2, 16, 3))
    assert text.startswith("model net: expected it to take an input of 1 x 2 x 16 x 3, got: ")
    assert text.endswith("\n  -> check the input's shape")
