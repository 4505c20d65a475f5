"""Where sparsify puts Delta Activation Layers, what it does to batch norms, and what it refuses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from core_networks import assert_runs_as_trained, clip, delta_layers, network, run, scatter, train

from stillframe.train import (
    SETUPS,
    DeltaActivation,
    QuantisedConv2D,
    export,
    fold_batch_norm,
    set_clip,
    set_penalty,
    sparsify,
    sparsity,
    total,
)

layers = keras.layers
FRAMES = clip(6)


@pytest.fixture(autouse=True)
def seeds() -> None:
    keras.utils.set_random_seed(2)


def residual() -> Any:
    """Two residual blocks, one with an activation behind the add and one without."""
    image = keras.Input((10, 12, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depth")(x)
    y = layers.BatchNormalization(name="depth_norm")(y)
    x = layers.Activation("relu", name="behind_add")(layers.Add(name="add")([x, y]))
    y = layers.Conv2D(4, 1, activation="relu6", name="side")(x)
    x = layers.Add(name="bare_add")([x, y])
    x = layers.Conv2D(5, 1, name="last")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    model = keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(x), name="residual")
    scatter(model, np.random.default_rng(3))
    return model


def test_placement():
    sparse = sparsify(residual(), calibration=FRAMES)
    placed = {layer.name: (layer.mode, layer.signed, layer.ceiling) for layer in delta_layers(sparse)}
    assert placed == {
        "image_delta": ("delta", False, None),
        "relu_delta": ("sigma-delta", False, None),  # pooled values are the same levels
        "depth_delta": ("sigma-delta", True, None),
        "behind_add_delta": ("sigma-delta", False, None),
        "side_relu6_delta": ("sigma-delta", False, 6.0),
        "bare_add_delta": ("sigma-delta", True, None),
        "last_delta": ("sigma-delta", True, None),
        "mean_delta": ("sigma-delta", True, None),
        "classes_output": ("sigma", True, None),
    }
    assert all(layer.bits == 8 for layer in delta_layers(sparse))
    assert sparse.output_names == ["classes_softmax"]
    assert [x.name for x in sparse.inputs] == ["image"]
    assert [row.name for row in sparsity(sparse) if row.kind == "mac"] == [
        "stem", "depth", "side", "last", "classes",
    ]  # fmt: skip


def test_an_input_with_negative_values_is_signed():
    assert delta_layers(sparsify(network(), calibration=FRAMES - 0.5))[0].signed


def test_steps_are_those_of_the_largest_values():
    model = network()
    image, relu, relu6, hidden, heat, classes = delta_layers(sparsify(model, calibration=FRAMES))
    values = keras.Model(model.input, [model.get_layer(n).output for n in ("first_relu", "hidden", "heat")])
    largest = [np.abs(x).max() for x in values(FRAMES)]
    for layer, size in zip([image, relu, hidden], [FRAMES.max(), *largest[:2]], strict=True):
        assert float(layer.steps) == pytest.approx(size / 255, rel=1e-4)
    assert float(heat.steps) == pytest.approx(largest[2] / 127, rel=1e-4)
    coarse = delta_layers(sparsify(model, calibration=FRAMES, coarseness=3))
    ratios = [
        float(a.steps) / float(b.steps)
        for a, b in zip(coarse, [image, relu, relu6, hidden, heat, classes], strict=True)
    ]
    assert ratios == pytest.approx([3, 3, 3, 3, 1, 1], rel=1e-4)
    fixed = delta_layers(sparsify(model, step=0.25))
    assert [float(layer.steps) for layer in fixed] == [0.25] * 6


def test_the_model_is_left_as_it_is():
    model = residual()
    weights, outputs = model.get_weights(), model(FRAMES)
    sparse = sparsify(model, calibration=FRAMES, penalty=1.0)
    train(sparse, FRAMES, 1)
    assert not {id(layer) for layer in model.layers} & {id(layer) for layer in sparse.layers}
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(model(FRAMES), outputs)
    export(sparse)
    assert sparse.name == model.name


def test_nested_models_are_flattened():
    block = keras.Sequential(
        [keras.Input((5, 6, 4)), layers.Conv2D(4, 3, name="a"), layers.ReLU(name="b")], name="block"
    )
    inner = keras.Input((10, 12, 3))
    inner = keras.Model(inner, layers.AveragePooling2D(2, name="p")(layers.Conv2D(4, 1, name="c")(inner)))
    model = keras.Sequential([keras.Input((10, 12, 3), name="i"), inner, block, layers.Flatten(name="f")])
    sparse = sparsify(model, calibration=FRAMES)
    assert not any(isinstance(layer, keras.Model) for layer in sparse.layers)
    assert [layer.name for layer in delta_layers(sparse)] == ["i_delta", "c_delta", "p_delta", "b_delta"]
    np.testing.assert_allclose(sparse(FRAMES), model(FRAMES), atol=0.05)


def test_outputs_are_close_to_the_float_models():
    model = residual()
    np.testing.assert_allclose(sparsify(model, calibration=FRAMES)(FRAMES), model(FRAMES), atol=0.02)


@pytest.mark.parametrize(
    ("setup", "counts", "penalised"),
    [
        ("baseline", ["values"] * 4, False),
        ("spatial", ["values"] * 4, True),
        ("spatial-input-delta", ["changes", "values", "values", "values"], True),
        ("temporal", ["changes"] * 4, True),
    ],
)
def test_setups(setup, counts, penalised):
    for chosen in (setup, SETUPS[setup]):
        sparse = sparsify(network(), chosen, calibration=FRAMES, penalty=0.5)
        *inside, heat, classes = delta_layers(sparse)
        assert [layer.counts for layer in inside] == counts
        assert [layer.penalty for layer in inside] == [0.5 if penalised else 0] * 4
        assert heat.penalty == classes.penalty == 0
        macs = [sparse.get_layer(name) for name in ("first", "second", "heat", "hidden", "classes")]
        assert [layer.counts for layer in macs] == [counts[i] for i in (0, 1, 2, 2, 3)]


def test_fan_outs_are_shares_of_the_macs():
    model = sparsify(network(), calibration=FRAMES, penalty=1.0)
    *inside, _, _ = delta_layers(model)
    elements = [10 * 12 * 3, 10 * 12 * 6, 3 * 3 * 8, 7]
    taps = (10 + 9 + 9) * (12 + 11 + 11)  # of a 3 x 3 window with SAME padding over 10 x 12
    pooled = (2 + 2 + 3) * (3 + 3 + 2)  # of a stride of 2 over 5 x 6, padded by 1 and 1, 0 and 1
    macs = [taps * 3 * 6, pooled * 6 * 8, 3 * 3 * 8 * 2 + 3 * 3 * 8 * 7, 7 * 3]
    for layer, n, m in zip(inside, elements, macs, strict=True):
        assert layer.fan_out == pytest.approx(m / n / sum(macs))
    model(FRAMES)
    assert total(sparsity(model)).macs_dense == 5 * sum(macs)


def test_a_loss_of_one_is_all_macs():
    """Values that are all far apart, counted as events: every MAC is issued, and the loss says so."""
    image = keras.Input((4, 4, 2))
    model = keras.Model(image, layers.Conv2D(3, 3)(image))
    frames = np.float32(np.arange(6) % 2).reshape(-1, 1, 1, 1) * np.ones((1, 4, 4, 2), np.float32)
    sparse = sparsify(model, calibration=frames, penalty=1.0, penalise="events")
    sparse(frames)
    assert float(sum(sparse.losses)) == pytest.approx(1)
    row = total(sparsity(sparse))
    assert row.macs_issued == row.macs_dense == 5 * 4 * 9 * 2 * 3
    assert (row.operation_sparsity, row.activation_sparsity) == (0, 0)


def test_set_clip_and_set_penalty_change_a_compiled_model():
    image = keras.Input((10, 12, 3))
    x = layers.Flatten()(layers.Conv2D(2, 3, strides=3, activation="relu")(image))
    model = sparsify(keras.Model(image, layers.Dense(2)(x)), calibration=FRAMES, penalty=0.5)
    model.compile(loss="mse")
    targets = np.zeros((6, 2), np.float32)

    def evaluate() -> tuple[float, int]:
        loss = model.evaluate(FRAMES, targets, batch_size=6, verbose=0, return_dict=True)["loss"]
        return loss, total(sparsity(model)).elements

    whole, elements = evaluate()
    set_clip(model, 3)
    assert evaluate()[1] == elements // 5 * 4  # of two clips, two first frames
    set_clip(model, None)
    set_penalty(model, 0)
    task, _ = evaluate()
    set_penalty(model, 1.0)
    assert evaluate()[0] == pytest.approx(task + 2 * (whole - task), rel=1e-5)
    assert whole > task + 1e-3
    assert [layer.penalty for layer in delta_layers(model)] == [1.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="Argument `frames` was expected to be None or a whole number"):
        set_clip(model, 0)
    with pytest.raises(ValueError, match="Argument `penalty` was expected to be 0 or a positive number"):
        set_penalty(model, -1)


def test_counts_add_up_over_passes_until_reset():
    model = sparsify(network(), calibration=FRAMES)
    model(FRAMES)
    once = sparsity(model)
    model(FRAMES)
    assert [row.macs_issued for row in sparsity(model)] == [2 * row.macs_issued for row in once]
    assert [row.sent for row in sparsity(model)] == [2 * row.sent for row in once]
    model.reset_metrics()
    assert total(sparsity(model)).macs_dense == total(sparsity(model)).elements == 0
    model(FRAMES)
    assert sparsity(model) == once


class TestBatchNorm:
    """norm(layer(x)) in floats, against the folded layer in floats."""

    @pytest.mark.parametrize(
        "layer",
        [
            layers.Conv2D(4, 3, strides=2, name="mac"),
            layers.Conv2D(4, 3, use_bias=False, name="mac"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="mac"),
            layers.Dense(5, name="mac"),
        ],
        ids=["conv", "no-bias", "depthwise", "dense"],
    )
    @pytest.mark.parametrize(("scale", "center"), [(True, True), (False, True), (True, False)])
    def test_folding_is_exact(self, layer, scale, center):
        image = keras.Input((10, 12, 3))
        norm = layers.BatchNormalization(scale=scale, center=center, epsilon=0.01, name="norm")
        layer = type(layer).from_config(layer.get_config())
        model = keras.Model(image, norm(layer(image)))
        rng = np.random.default_rng(4)
        for weight in model.weights:
            weight.assign(rng.uniform(0.2, 2, weight.shape))
        sparse = sparsify(model, calibration=FRAMES)
        folded = type(layer).from_config({**layer.get_config(), "use_bias": True})
        folded.build((None, 10, 12, 3))
        folded.set_weights([sparse.get_layer("mac").kernel, sparse.get_layer("mac").bias])
        np.testing.assert_allclose(folded(FRAMES), model(FRAMES, training=False), rtol=2e-5, atol=1e-5)
        assert "norm" not in [layer.name for layer in sparse.layers]

    @pytest.mark.parametrize("per_channel", [False, True])
    def test_later_is_the_same_as_at_once(self, per_channel):
        model = network()
        scatter(model, np.random.default_rng(5))
        once = sparsify(model, calibration=FRAMES, per_channel=per_channel)
        kept = sparsify(model, calibration=FRAMES, per_channel=per_channel, fold_batch_norm=False)
        assert "norm" in [layer.name for layer in kept.layers]
        later = fold_batch_norm(kept)
        for a, b in zip(once(FRAMES), later(FRAMES), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_trained_and_folded_afterwards_runs_as_trained(self):
        model = sparsify(network(), calibration=FRAMES, penalty=0.1, fold_batch_norm=False)
        before = np.asarray(model.get_layer("norm").moving_mean)
        train(model, FRAMES)
        assert not np.array_equal(model.get_layer("norm").moving_mean, before)  # it went on training
        with pytest.raises(ValueError, match="Expected batch norms folded into the layers before"):
            export(model)
        assert_runs_as_trained(run(fold_batch_norm(model), FRAMES))

    @pytest.mark.parametrize("order", [1, -1])
    def test_in_front_of_two_readers(self, order):
        image = keras.Input((10, 12, 3))
        x = layers.Conv2D(4, 3, name="conv")(image)
        readers = [layers.Conv2D(2, 1, name="other"), layers.BatchNormalization(name="norm")][::order]
        model = keras.Model(image, [reader(x) for reader in readers])
        for refused in (
            lambda: sparsify(model, calibration=FRAMES),
            lambda: fold_batch_norm(sparsify(model, calibration=FRAMES, fold_batch_norm=False)),
        ):
            with pytest.raises(ValueError, match="Expected a batch norm to be the only reader") as error:
                refused()
            assert "Received: norm behind conv" in str(error.value)


def test_steps_by_channel_where_only_mac_layers_read():
    model = network()
    plain = sparsify(model, calibration=FRAMES)
    sparse = sparsify(model, calibration=FRAMES, per_channel=True)
    shapes = [tuple(layer.steps.shape) for layer in delta_layers(sparse)]
    # Not the input, not what ends at 6, not outputs.
    assert shapes == [(), (6,), (), (7,), (), ()]
    for a, b in zip(delta_layers(plain), delta_layers(sparse), strict=True):
        np.testing.assert_array_equal(np.broadcast_to(a.steps, b.steps.shape), b.steps)
    residual_shapes = {
        x.name: x.steps.shape for x in delta_layers(sparsify(residual(), step=0.1, per_channel=True))
    }
    assert residual_shapes["relu_delta"] == residual_shapes["bare_add_delta"] == ()


@pytest.mark.parametrize(
    "reader",
    [
        layers.Conv2D(6, 3, groups=2),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.Dense(5),
    ],
    ids=["grouped", "depthwise", "dense"],
)
def test_steps_that_differ_by_channel_are_made_up_for_in_the_weights(reader):
    image = keras.Input((10, 12, 3))
    x = layers.Conv2D(4, 1, activation="relu", name="conv")(image)
    model = keras.Model(image, type(reader).from_config(reader.get_config())(x))
    sparse = sparsify(model, calibration=FRAMES, per_channel=True)
    step = sparse.get_layer("conv_relu_delta").steps.numpy()
    sparse.get_layer("conv_relu_delta").set_step(step * np.float32([1, 1.3, 1.7, 2.2]))
    np.testing.assert_allclose(sparse(FRAMES), model(FRAMES), atol=0.05)


def test_grouped_convolutions_are_counted_by_group():
    image = keras.Input((10, 12, 4))
    frames = clip(4, (10, 12, 4))
    x = layers.Conv2D(4, 1, activation="relu")(image)
    model = keras.Model(image, layers.Conv2D(6, 3, groups=2, name="grouped")(x))
    sparse = sparsify(model, calibration=frames, per_channel=True)
    np.testing.assert_allclose(sparse(frames), model(frames), atol=0.05)
    (row,) = [row for row in sparsity(sparse) if row.name == "grouped"]
    assert row.macs_dense == 3 * 8 * 10 * 6 * 9 * 2


def subclassed() -> Any:
    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    model = Own()
    model(FRAMES)
    return model


def shared() -> Any:
    image = keras.Input((10, 12, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="twice")
    return keras.Model(image, conv(conv(image)))


def shared_model() -> Any:
    image = keras.Input((10, 12, 3))
    block = keras.Sequential([keras.Input((10, 12, 3)), layers.Conv2D(3, 1)], name="block")
    return keras.Model(image, block(block(image)))


def two_inputs() -> Any:
    images = [keras.Input((10, 12, 3)), keras.Input((10, 12, 3))]
    return keras.Model(images, layers.Add()(images), name="two")


def operation() -> Any:
    image = keras.Input((10, 12, 3))
    return keras.Model(image, layers.Conv2D(3, 3)(keras.ops.sin(image)))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (
            subclassed,
            {},
            "Expected a built Functional or Sequential model. Received: Own. Build it with "
            "keras.Model(inputs, outputs), or put DeltaActivation layers into a subclassed model by hand.",
        ),
        (
            shared,
            {},
            "Expected a model that uses each of its layers once. Received: layer twice used several times. "
            "Give each use a layer of its own.",
        ),
        (
            shared_model,
            {},
            "Expected a model that uses each of its layers once. Received: layer block used several times. "
            "Give each use a layer of its own.",
        ),
        (
            two_inputs,
            {},
            "Expected a model with one input to calibrate. Received: model two with 2. "
            "Use the argument `step`.",
        ),
        (
            network,
            {"calibration": None},
            "Exactly one of the arguments `calibration` and `step` was expected. Received: neither. "
            "Give typical frames as `calibration`.",
        ),
        (
            network,
            {"step": 0.1},
            "Exactly one of the arguments `calibration` and `step` was expected. Received: both. "
            "Give typical frames as `calibration`.",
        ),
        (
            network,
            {"calibration": FRAMES[:, :5]},
            "Argument `calibration` was expected to be frames of (10, 12, 3). "
            "Received: an array of shape (6, 5, 12, 3)",
        ),
        (
            network,
            {"setup": "both"},
            "Argument `setup` was expected to be one of 'baseline', 'spatial', 'spatial-input-delta', "
            "'temporal'. Received: setup='both'",
        ),
        (
            network,
            {"gradient": "ste"},
            "Argument `gradient` was expected to be one of 'surrogate', 'lsq'. Received: gradient='ste'",
        ),
        (
            network,
            {"penalise": "l1"},
            "Argument `penalise` was expected to be one of 'magnitude', 'levels', 'events'. "
            "Received: penalise='l1'",
        ),
        (
            network,
            {"penalty": -1},
            "Argument `penalty` was expected to be 0 or a positive number. Received: penalty=-1",
        ),
        (
            network,
            {"coarseness": 0},
            "Argument `coarseness` was expected to be a positive number. Received: coarseness=0",
        ),
        (
            network,
            {"frames": 0},
            "Argument `frames` was expected to be None or a whole number of at least 1. Received: frames=0",
        ),
    ],
)
def test_what_sparsify_refuses(model, options, message):
    with pytest.raises(ValueError, match="xpected") as error:
        sparsify(model(), **{"calibration": FRAMES, **options})
    assert str(error.value) == message


def test_operations_without_a_layer_are_refused():
    with pytest.raises(ValueError, match="Received: operation sin"):
        sparsify(operation(), calibration=FRAMES)


def test_export_wants_a_sparse_model():
    with pytest.raises(ValueError, match="Received: model small without any"):
        export(network())
    with pytest.raises(ValueError, match="Received: Own"):
        fold_batch_norm(subclassed())


def test_mac_layers_and_delta_layers_are_usable_by_hand():
    """A subclassed model, as the message above says."""

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.on_input = DeltaActivation(mode="delta", step=0.01, return_step=True)
            self.conv = QuantisedConv2D(4, 3)
            self.act = DeltaActivation("relu", step=0.02, penalty=1e-3)

        def call(self, x: Any) -> Any:
            x, step = self.on_input(x)
            x, sums = self.conv(x, step)
            return self.act(x, sums=sums)

    model = Own()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(FRAMES)) + sum(model.losses)
    assert all(g is not None for g in tape.gradient(loss, model.trainable_variables))
    assert [row.kind for row in sparsity(model)] == ["activation", "mac", "activation"]
    assert 0 < total(sparsity(model)).operation_sparsity < 1


def test_channels_first_is_refused():
    image = keras.Input((1, 8, 8))
    model = keras.Model(image, keras.layers.Conv2D(2, 3, data_format="channels_first", name="first")(image))
    with pytest.raises(ValueError, match=r"Expected layers with channels last. Received: layer first"):
        sparsify(model, step=0.1)


@pytest.mark.parametrize(("interpolation", "rounded"), [("nearest", 3), ("bilinear", 4)])
def test_only_nearest_upsampling_moves_levels(interpolation, rounded):
    """What bilinear upsampling makes of levels are new values."""
    image = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(2, 3, activation="relu")(image)
    x = keras.layers.UpSampling2D(2, interpolation=interpolation)(x)
    sparse = sparsify(keras.Model(image, keras.layers.Conv2D(2, 3)(x)), step=0.1)
    assert sum(isinstance(layer, DeltaActivation) for layer in sparse.layers) == rounded
