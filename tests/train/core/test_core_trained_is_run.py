"""What is trained is what runs: the trained model, the golden model and TensorFlow Lite's kernels give the
same codes on every frame, and the scales and weights in the ``.tflite`` are the learned ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from core_networks import (
    Run,
    assert_runs_as_trained,
    clip,
    delta_layers,
    input_codes,
    network,
    random_network,
    run,
    scatter,
    train,
)

from stillframe.frontend import from_keras
from stillframe.frontend.quiet import quiet
from stillframe.golden import ReferenceModel
from stillframe.train import export, set_clip, sparsify
from stillframe.train.rescale import Sums, bias_codes, for_output_step, levels_of
from stillframe.train.steps import tensor_scale
from stillframe.video.value_range import ValueRange, code_table

layers = keras.layers
FRAMES = clip(6)


@pytest.fixture(autouse=True)
def seeds() -> None:
    keras.utils.set_random_seed(2)


def trained(frames: Any = FRAMES, **options: Any) -> Any:
    model = network()
    conv = model.get_layer("second")
    kernel, bias = conv.get_weights()
    kernel[..., 1] = 0  # two dead channels; one of them has a bias of 0.8
    kernel[..., 4] = 0
    bias[4] = 0.8
    conv.set_weights([kernel, bias])
    sparse = sparsify(model, calibration=frames, penalty=0.2, frames=3, **options)
    start = [np.array(weight) for weight in sparse.get_weights()]
    train(sparse, frames, rate=1e-3)
    assert all(not np.array_equal(a, b) for a, b in zip(start, sparse.get_weights(), strict=True) if a.any())
    set_clip(sparse, None)
    return sparse


@pytest.mark.parametrize("gradient", ["lsq", "surrogate"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_every_code_of_every_frame(gradient, per_channel):
    done = run(trained(gradient=gradient, per_channel=per_channel), FRAMES)
    assert_runs_as_trained(done)
    assert_scales_and_weights(done)
    for codes in done.trace.outputs.values():
        assert len(np.unique(codes)) > 10
        assert (codes[-2] == codes[-3]).all()  # the frame that stands still
        assert (codes[1] != codes[0]).any()


def test_an_input_with_negative_values():
    frames = clip(6, low=-1.0)
    assert_runs_as_trained(run(trained(frames), frames))


def test_dense_layers_round_once_and_convolutions_twice():
    """2 * (1 - 2**-16) / 4 is below a half; rounded to 2 / 4 first, it is one."""
    one = tf.constant(1.0)
    sums = Sums(tf.constant([[2]], tf.int64), tf.zeros(1), one, tf.constant([1 - 2.0**-16]))
    levels = [int(levels_of(sums, 4 * one, round_once)[0, 0]) for round_once in (True, False)]
    assert levels == [0, 1]
    placed = {layer.name: layer.round_once for layer in delta_layers(sparsify(network(), step=0.1))}
    assert [name for name, once in placed.items() if once] == ["hidden_relu_delta", "classes_output"]


@pytest.mark.parametrize("setup", ["baseline", "spatial-input-delta"])
def test_set_ups_that_count_values(setup):
    sparse = sparsify(network(), setup, calibration=FRAMES)
    done = run(sparse, FRAMES)
    assert_runs_as_trained(done)
    changed = [sparse.get_layer(name).counts == "changes" for name in ("first", "second")]
    assert changed == [setup == "spatial-input-delta", False]


def assert_scales_and_weights(done: Run) -> None:
    """Of all tensors and MAC layers: what the .tflite holds is what was learned."""
    with quiet():
        interpreter = tf.lite.Interpreter(
            model_content=done.graph.tflite,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
        )
    stored = []
    for detail in interpreter.get_tensor_details():
        scales = detail["quantization_parameters"]["scales"]
        if (
            detail["dtype"] == np.int8
            and len(detail["shape"]) in (2, 4)
            and detail["shape"][0] == len(scales)
        ):
            try:
                stored.append((interpreter.get_tensor(detail["index"]), scales))
            except ValueError:  # an activation
                continue
    outputs = {
        "first": "first_relu_delta",
        "second": "second_relu6_delta",
        "heat": "heat_output",
        "hidden": "hidden_relu_delta",
        "classes": "classes_output",
    }
    inputs = {"first": "image_delta", "second": outputs["first"], "heat": outputs["second"]}
    inputs |= {"hidden": outputs["second"], "classes": outputs["hidden"]}
    nodes = {node.name: node for node in done.graph.nodes}
    for name, behind in outputs.items():
        layer, step = done.model.get_layer(name), done.model.get_layer(behind).steps
        codes, scales = layer.weight_codes(*tensor_scale(done.model.get_layer(inputs[name]).steps))
        learned, _ = for_output_step(scales, layer.bias, step)
        codes = np.moveaxis(codes.numpy(), -1, 0)
        (scales,) = [s for kernel, s in stored if np.array_equal(kernel, codes)]
        alive = codes.reshape(len(codes), -1).any(axis=1)
        np.testing.assert_array_equal(scales[alive], learned[alive])
        assert np.abs(codes.reshape(len(codes), -1)[alive]).max(axis=1).min() == 127
        node = next(node for key, node in nodes.items() if key.startswith(name) and hasattr(node, "weights"))
        assert done.graph.tensors[node.output].scale == float(tensor_scale(step)[0])
        assert done.graph.tensors[node.inputs[0]].scale == float(
            tensor_scale(done.model.get_layer(inputs[name]).steps)[0]
        )


def test_frames_are_rounded_as_the_driver_rounds_them():
    """All 256 pixel values, through the input's layer and through the code table of ``stillframe run``."""
    pixels = np.arange(256, dtype=np.uint8)
    for span in [ValueRange(0, 1), ValueRange(-1, 1)]:
        values = np.resize(span.values(pixels), (1, 10, 12, 3)).astype(np.float32)
        model = sparsify(network(), calibration=values, coarseness=1.7)
        first = delta_layers(model)[0]
        graph = from_keras(export(model), values)
        tensor = graph.tensors[0]
        table = code_table(span, tensor.scale, tensor.zero_point)
        outputs, step = first(values)
        levels = np.round(outputs.numpy().ravel()[:256] / np.float64(step))
        np.testing.assert_array_equal(levels, table.astype(int) - tensor.zero_point)


@pytest.mark.parametrize("seed", [1, 6, 12, 19, 25, 33, 44, 63])
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    model, negative = random_network(rng)
    frames = clip(5, model.input_shape[1:], seed, -1.0 if negative else 0.0)
    sparse = sparsify(
        model,
        calibration=frames,
        penalty=0.1,
        per_channel=bool(seed % 2),
        gradient=["lsq", "surrogate"][seed % 3 % 2],
        coarseness=[1.0, 3.0][seed % 2],
    )
    train(sparse, frames, steps=seed % 3)
    assert_runs_as_trained(run(sparse, frames))


@pytest.mark.parametrize("per_channel", [False, True])
def test_weak_channels_with_biases(per_channel):
    """Weights from alive to zero, biases that fit into an accumulator of their scale and that do not."""
    image = keras.Input((6, 6, 2))
    x = layers.Conv2D(24, 3, activation="relu", name="conv")(image)
    model = keras.Model(image, layers.Conv2D(24, 1, name="head")(x))
    rng = np.random.default_rng(3)
    for name in ("conv", "head"):
        kernel, _ = model.get_layer(name).get_weights()
        strength = np.geomspace(1, 1e-9, 24)
        strength[-6:] = 0
        biases = rng.permutation(np.resize([0, 1e-6, 1e-3, -0.03, 0.3, 0.9, -0.7], 24))
        model.get_layer(name).set_weights([kernel * strength, biases])
    frames = clip(4, (6, 6, 2))
    sparse = sparsify(model, calibration=frames, per_channel=per_channel)
    done = run(sparse, frames)
    assert_runs_as_trained(done)
    np.testing.assert_allclose(sparse(frames), model(frames), atol=0.02)
    assert np.abs(done.graph.nodes[0].bias).max() == 2**30 - 1  # one did not fit
    image, act, head = delta_layers(sparse)
    for node, name, before, behind in [(0, "conv", image, act), (1, "head", act, head)]:
        layer, (scale, share) = sparse.get_layer(name), tensor_scale(before.steps)
        _, scales = layer.weight_codes(scale, share)
        scales, bias = for_output_step(scales, layer.bias, behind.steps)
        expected, _ = bias_codes(tf.convert_to_tensor(bias), scale, scales)
        np.testing.assert_array_equal(done.graph.nodes[node].bias, expected)


def test_depthwise_convolutions():
    """The front end has none; TensorFlow Lite's kernels are the judge."""
    image = keras.Input((10, 12, 3), name="image")
    x = layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same", name="depth")(image)
    x = layers.ReLU(6.0, name="act")(layers.BatchNormalization(name="norm")(x))
    x = layers.DepthwiseConv2D(2, activation="relu", name="second")(x)
    model = keras.Model(image, layers.Conv2D(3, 1, name="head")(x))
    scatter(model, np.random.default_rng(8))
    sparse = sparsify(model, calibration=FRAMES, penalty=0.1, per_channel=True)
    train(sparse, FRAMES)
    plain = export(sparse)
    with quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(plain)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([frame[np.newaxis]] for frame in FRAMES)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        interpreter = tf.lite.Interpreter(
            model_content=converter.convert(),
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
        )
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    first, *_, last = delta_layers(sparse)
    codes = np.round(first(FRAMES)[0].numpy() / np.float64(first.steps)).astype(int) - 128
    levels = np.round(sparse(FRAMES).numpy() / np.float64(last.steps)).astype(int)
    for frame, expected in zip(codes.astype(np.int8), levels, strict=True):
        interpreter.set_tensor(source["index"], frame[np.newaxis])
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_tensor(target["index"])[0].astype(int), expected)
    assert levels.std() > 3


def test_softmax_stays_behind_the_last_codes():
    image = keras.Input((10, 12, 3), name="image")
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu", strides=2)(image))
    model = keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(x))
    sparse = sparsify(model, calibration=FRAMES)
    logits = keras.Model(sparse.inputs[0], sparse.get_layer("classes_output").output[0])(FRAMES).numpy()
    np.testing.assert_allclose(sparse(FRAMES), tf.nn.softmax(logits), atol=1e-6)
    graph = from_keras(export(sparse), FRAMES)
    (output,) = graph.outputs
    assert [op["op"] for op in output.host_ops] == ["SOFTMAX"]
    codes = input_codes(sparse, graph, FRAMES)
    _, tensors = ReferenceModel(graph, tensors=True).run(codes)
    step = float(sparse.get_layer("classes_output").steps)
    assert graph.tensors[output.tensor].scale == step
    np.testing.assert_array_equal(tensors[output.tensor], np.round(logits / step))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, in save
def test_a_saved_export_needs_no_training_code(tmp_path: Path):
    done = run(trained(), FRAMES)
    done.plain.save(tmp_path / "exported.keras")
    np.save(tmp_path / "frames.npy", FRAMES)
    (tmp_path / "graph.tflite").write_bytes(b"")
    code = (
        "import sys, numpy as np\n"
        "from stillframe.frontend import from_keras\n"
        "graph = from_keras('exported.keras', np.load('frames.npy'))\n"
        "assert not [name for name in sys.modules if name.startswith('stillframe.train')]\n"
        "open('graph.tflite', 'wb').write(graph.tflite)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert (tmp_path / "graph.tflite").read_bytes() == done.graph.tflite
