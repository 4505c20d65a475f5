"""UpSampling2D becomes an operator that TFLite's reference kernels have, wherever in a model it stands."""

from __future__ import annotations

import numpy as np
import pytest

from stillframe.frontend import from_keras
from stillframe.frontend.quiet import load_tensorflow
from stillframe.frontend.upsampling import with_resizing
from stillframe.golden import GoldenModel, ReferenceModel

keras = load_tensorflow().keras
layers = keras.layers

SHAPE = (5, 4, 3)
FRAMES = np.random.default_rng(0).random((6, *SHAPE)).astype(np.float32)


def functional():
    """Twice, by different factors, the second one through the same layer as a branch."""
    image = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", name="first")(image)
    doubled = layers.UpSampling2D(2, name="double")
    y = layers.Conv2D(2, 1, name="branch")(doubled(layers.ReLU(name="relu")(x)))
    return keras.Model(image, layers.UpSampling2D((3, 1), name="tall")(layers.Concatenate()([doubled(x), y])))


def sequential():
    return keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3), layers.UpSampling2D((2, 3))])


def nested():
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Conv2D(3, 1)(sequential()(layers.ReLU()(image))))


@pytest.mark.parametrize("build", [functional, sequential, nested])
def test_values_stay_and_tflite_runs_them(build):
    model = build()
    changed = with_resizing(model)
    np.testing.assert_array_equal(changed(FRAMES), model(FRAMES))
    assert {id(v) for v in changed.weights} == {id(v) for v in model.weights}
    graph = from_keras(model, FRAMES)
    assert "RESIZE_NEAREST_NEIGHBOR" in [node.op for node in graph.nodes]
    codes = np.random.default_rng(1).integers(-128, 128, (3, *SHAPE)).astype(np.int8)
    expected, _ = ReferenceModel(graph).run(codes)
    for name, values in GoldenModel(graph).run(codes).outputs.items():
        np.testing.assert_array_equal(values, expected[name])


def test_a_model_without_it_stays():
    model = keras.Sequential([keras.Input(SHAPE), layers.UpSampling2D(2, interpolation="bilinear")])
    assert with_resizing(model) is model


def test_a_model_of_a_class_of_its_own_stays():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.double = layers.UpSampling2D(2)

        def call(self, inputs):
            return self.double(inputs)

    model = Own()
    assert with_resizing(model) is model
