"""Small networks made sparse, trained for a few steps, and what the accelerator makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stillframe.frontend import Graph, from_keras
from stillframe.golden import GoldenModel, ReferenceModel
from stillframe.golden.model import Trace
from stillframe.train import DeltaActivation, export, sparsity

layers = keras.layers
Frames = npt.NDArray[np.float32]


def clip(count: int, shape: tuple[int, int, int] = (10, 12, 3), seed: int = 0, low: float = 0.0) -> Frames:
    """A bright square moves over noise; the last frame but one stands still. Values from ``low`` to 1."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    frames = np.repeat(rng.uniform(low, 0.7, (1, *shape)), count, axis=0)
    for number, frame in enumerate(frames):
        at = number % max(1, width - 3)
        frame[: height // 2, at : at + 3] = rng.uniform(0.8, 1.0, channels)
        frame += rng.choice([0.0, 0.1], frame.shape, p=[0.9, 0.1])
    frames[-2] = frames[-3]
    return np.clip(frames, low, 1).astype(np.float32)


def network() -> Any:
    """Everything that runs on the accelerator, with two outputs."""
    image = keras.Input((10, 12, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="first")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="first_relu")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6", name="second")(x)
    heat = layers.Conv2D(2, 1, name="heat")(x)
    x = layers.Dense(7, activation="relu", name="hidden")(layers.Flatten(name="flat")(x))
    return keras.Model(image, [heat, layers.Dense(3, name="classes")(x)], name="small")


def random_network(rng: np.random.Generator) -> tuple[Any, bool]:
    """A network of one to four convolutions or dense layers, and whether its input has negative values."""
    height, width, channels = (int(n) for n in rng.integers([4, 4, 1], [13, 13, 5]))
    x = image = keras.Input((height, width, channels))
    for number in range(rng.integers(1, 4)):
        kernel = tuple(int(min(k, n)) for k, n in zip(rng.integers(1, 4, 2), x.shape[1:3], strict=True))
        x = layers.Conv2D(
            int(rng.integers(1, 9)),
            kernel,
            strides=tuple(int(n) for n in rng.integers(1, 3, 2)),
            padding=str(rng.choice(["same", "valid"])),
            use_bias=bool(rng.random() < 0.7),
            name=f"conv{number}",
        )(x)
        if rng.random() < 0.4:
            x = layers.BatchNormalization(name=f"norm{number}")(x)
        activation = rng.choice(["relu", "relu6", "linear"], p=[0.6, 0.3, 0.1])
        x = layers.Activation(str(activation), name=f"activation{number}")(x)
        if rng.random() < 0.4 and min(x.shape[1:3]) > 1:
            x = layers.MaxPooling2D(2, padding=str(rng.choice(["same", "valid"])), name=f"pool{number}")(x)
    outputs = [layers.Conv2D(int(rng.integers(1, 5)), 1, name="map")(x)]
    if rng.random() < 0.6:
        x = layers.Flatten(name="flat")(x)
        if rng.random() < 0.5:
            x = layers.Dense(int(rng.integers(1, 9)), activation="relu", name="hidden")(x)
        outputs.append(layers.Dense(int(rng.integers(1, 5)), name="classes")(x))
    model = keras.Model(image, outputs)
    scatter(model, rng)
    return model, bool(rng.random() < 0.3)


def scatter(model: Any, rng: np.random.Generator) -> None:
    """Weights as training leaves them: biases, statistics of batch norms, weak and dead channels."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            n = layer.gamma.shape[0]
            layer.set_weights(
                [rng.uniform(0.3, 2, n), rng.normal(0, 0.3, n), rng.normal(0, 0.2, n), rng.uniform(0.1, 2, n)]
            )
        elif hasattr(layer, "kernel"):
            strength = rng.choice([1.0, 1e-3, 1e-9, 0.0], layer.kernel.shape[-1], p=[0.7, 0.1, 0.1, 0.1])
            layer.kernel.assign(np.asarray(layer.kernel) * strength)
            if layer.use_bias:
                layer.bias.assign(rng.normal(0, 0.3, layer.bias.shape))


def train(model: Any, frames: Frames, steps: int = 3, rate: float = 1e-2) -> None:
    """A few steps of Adam towards random targets, the sparsity loss included."""
    rng = np.random.default_rng(5)
    outputs = keras.tree.flatten(model(frames))
    targets = [rng.normal(0, 1, y.shape).astype(np.float32) for y in outputs]
    optimizer = keras.optimizers.Adam(rate)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            outputs = keras.tree.flatten(model(frames, training=True))
            task = tf.add_n([tf.reduce_mean((y - t) ** 2) for y, t in zip(outputs, targets, strict=True)])
            loss = task + sum(model.losses)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
    model.reset_metrics()


def delta_layers(model: Any) -> list[DeltaActivation]:
    """In the order of the graph."""
    return [layer for layer in model.layers if isinstance(layer, DeltaActivation)]


def input_codes(model: Any, graph: Graph, frames: Frames) -> npt.NDArray[np.int8]:
    """The codes that a caller gives the accelerator, as ``stillframe.video`` computes them."""
    tensor = graph.tensors[graph.input.tensor]
    real = frames / np.float32(tensor.scale)
    away = np.trunc(real + np.copysign(np.float32(0.5), real))
    return np.clip(away + tensor.zero_point, -128, 127).astype(np.int8)


@dataclass(frozen=True)
class Run:
    """A trained model and what it became.

    Attributes:
        plain: The exported model.
        codes: Of the input, int8 (frames, ...).
        trace: Of the golden model on them.
        levels: What the trained model computes, in steps, by output: int64 (frames, ...).
    """

    model: Any
    plain: Any
    graph: Graph
    codes: npt.NDArray[np.int8]
    trace: Trace
    levels: dict[str, npt.NDArray[np.int64]]


def run(model: Any, frames: Frames) -> Run:
    """Export a model and run frames, as one clip, through both."""
    plain = export(model)
    graph = from_keras(plain, frames)
    codes = input_codes(model, graph, frames)
    model.reset_metrics()
    outputs = dict(zip(model.output_names, keras.tree.flatten(model(frames, training=False)), strict=True))
    levels = {}
    for name, values in outputs.items():
        steps = np.asarray(values, np.float64) / np.asarray(model.get_layer(name).steps, np.float64)
        levels[name] = np.round(steps).astype(np.int64)
        assert np.abs(levels[name] - steps).max() < 1e-3
    return Run(model, plain, graph, codes, GoldenModel(graph).run(codes), levels)


def assert_runs_as_trained(done: Run) -> None:
    """Every output of every frame, to the code: trained model, golden model, TensorFlow Lite's kernels.
    And the MACs that training counts are those of the golden model: of changes or of values."""
    reference, _ = ReferenceModel(done.graph).run(done.codes)
    assert {o.name for o in done.graph.outputs} == set(done.levels)
    for output in done.graph.outputs:
        step = float(done.model.get_layer(output.name).steps)
        assert output.scale == step
        np.testing.assert_array_equal(reference[output.name], done.trace.outputs[output.name])
        codes = done.trace.outputs[output.name].astype(np.int64)
        np.testing.assert_array_equal(codes - output.zero_point, done.levels[output.name])
    counted = {row.name: row for row in sparsity(done.model) if row.kind == "mac"}
    frames = len(done.codes) - 1
    for name, macs in done.trace.macs.items():
        row = counted.pop(mac_layer(name, counted))
        changes = done.model.get_layer(row.name).counts == "changes"
        issued = (macs.delta if changes else macs.direct)[1:].sum()
        assert (row.macs_issued, row.macs_dense) == (issued, macs.dense * frames), name
    assert not counted


def mac_layer(node: str, names: Any) -> str:
    """The MAC layer that a node of the graph comes from: the node may be named after its activation."""
    return max((name for name in names if node.startswith(name)), key=len)
