"""Dense layers over a flattened map, from Keras to the interpreter, against TFLite's kernels."""

from __future__ import annotations

import numpy as np
import pytest
from interpreter import Interpreter

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig
from stillframe.frontend import Graph, from_keras
from stillframe.golden import ReferenceModel


@pytest.fixture(scope="module")
def graph() -> Graph:
    import keras

    keras.utils.set_random_seed(3)
    image = keras.Input((12, 14, 3), batch_size=1)
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu6")(image)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(21, activation="relu")(x)
    x = keras.layers.Dense(5)(x)
    frames = np.random.default_rng(0).uniform(0, 1, (8, 12, 14, 3)).astype(np.float32)
    return from_keras(keras.Model(image, x, name="dense"), frames)


@pytest.mark.parametrize("array", ["1x4@85F", "1x16@85F", "4x16@85F"])
@pytest.mark.parametrize("mode", ["auto", "direct", "dense"])
def test_equals_tflite(graph: Graph, array: str, mode: str) -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(rng.integers(-128, 128, (1, 12, 14, 3)).astype(np.int8), 8, axis=0)
    for frame in range(1, len(codes)):
        codes[frame:, rng.integers(12), rng.integers(14)] = rng.integers(-128, 128, 3)
    program = compile_graph(graph, ArrayConfig.parse(array), mode=mode)
    assert [layer.op for layer in program.layers] == [
        "INPUT",
        "CONV_2D",
        "MAX_POOL_2D",
        "FULLY_CONNECTED",
        "FULLY_CONNECTED",
    ]
    _, tensors = ReferenceModel(graph, tensors=True).run(codes)
    by_name = {graph.tensors[index].name: values for index, values in tensors.items()}
    interpreter = Interpreter(program)
    for frame, pixels in enumerate(codes):
        interpreter.run(pixels, key=frame == 0)
        for index, tensor in enumerate(program.tensors):
            np.testing.assert_array_equal(
                interpreter.output(index).ravel(),
                by_name[tensor.name][frame].ravel(),
                f"frame {frame}, {tensor.name}",
            )
