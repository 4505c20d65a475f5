"""The layer in everything that Keras does with layers: fit, loops, policies, tf.data, files, clones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stillframe.train import DeltaActivation, export, set_clip, sparsify

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own

layers = keras.layers
RNG = np.random.default_rng(6)
IMAGES = RNG.uniform(0, 1, (8, 6, 6, 2)).astype(np.float32)
TARGETS = RNG.normal(0, 1, (8, 3)).astype(np.float32)
OPTIONS = {"step": 0.05, "gradient": "lsq", "penalty": 1e-3, "frames": 4}


@pytest.fixture(autouse=True)
def seeds() -> None:
    keras.utils.set_random_seed(1)


def stack(**options: Any) -> list[Any]:
    return [
        layers.Conv2D(4, 3, name="conv"),
        DeltaActivation("relu", **{**OPTIONS, **options}, name="act"),
        layers.Flatten(name="flat"),
        layers.Dense(3, name="dense"),
    ]


def sequential(**options: Any) -> Any:
    return keras.Sequential([keras.Input(IMAGES.shape[1:]), *stack(**options)])


def functional(**options: Any) -> Any:
    x = image = keras.Input(IMAGES.shape[1:])
    for layer in stack(**options):
        x = layer(x)
    return keras.Model(image, x)


class Subclassed(keras.Model):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.stack = stack(**options)

    def call(self, x: Any) -> Any:
        for layer in self.stack:
            x = layer(x)
        return x


KINDS = [sequential, functional, Subclassed]


def act(model: Any) -> DeltaActivation:
    return next(x for x in model._flatten_layers() if isinstance(x, DeltaActivation))


@pytest.mark.parametrize("kind", KINDS)
def test_fit_trains_the_step_and_reports_the_metric(kind):
    model = kind()
    model.compile(keras.optimizers.SGD(0.01), loss="mse")
    history = model.fit(IMAGES, TARGETS, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    assert float(act(model).steps) != pytest.approx(0.05, rel=1e-4)
    (name,) = [key for key in history if key.endswith("activation_sparsity")]
    # The second epoch's metric is of what the first one left; nothing of the first is in it.
    assert int(act(model).activation_sparsity.whole) == 2 * 3 * 4 * 4 * 4
    assert 0 < history[name][-1] < 1


def test_the_loss_that_fit_sees_has_the_penalty():
    model = functional(penalty=0.0)
    task = float(tf.reduce_mean((model(IMAGES) - TARGETS) ** 2))
    act(model).penalty = 1e-3
    model.compile(loss="mse")
    loss = model.evaluate(IMAGES, TARGETS, batch_size=8, verbose=0, return_dict=True)["loss"]
    model(IMAGES)
    assert loss == pytest.approx(task + float(model.losses[0]), rel=1e-5)
    assert float(model.losses[0]) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_of_ones_own_gives_what_fit_gives(kind):
    fitted, looped = kind(), kind()
    fitted(IMAGES), looped(IMAGES)
    looped.set_weights(fitted.get_weights())
    fitted.compile(keras.optimizers.SGD(0.1), loss="mse")
    fitted.fit(IMAGES, TARGETS, batch_size=8, epochs=1, shuffle=False, verbose=0)
    optimizer = keras.optimizers.SGD(0.1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((looped(IMAGES, training=True) - TARGETS) ** 2) + sum(looped.losses)
    variables = looped.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    for a, b in zip(fitted.get_weights(), looped.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("policy", "outputs"),
    [("mixed_float16", "float16"), ("mixed_bfloat16", "bfloat16"), ("float64", "float64")],
)
def test_policies(policy, outputs):
    layer = DeltaActivation("relu", step=0.3, dtype=policy)
    values = RNG.normal(0, 3, (8, 5))
    same = DeltaActivation("relu", step=0.3)(values.astype(np.float32))
    result = layer(values.astype(np.float32))
    assert result.dtype == outputs
    # Rounded in float32 at least, whatever the policy: only the output is cast.
    if policy != "float64":
        np.testing.assert_array_equal(tf.cast(result, "float32"), tf.cast(tf.cast(same, outputs), "float32"))
    else:
        step = np.float64(layer.steps)
        levels = np.trunc(np.maximum(values.astype(np.float32), 0) / step + 0.5)
        np.testing.assert_array_equal(result, levels * step)
    assert layer.log_step.dtype == "float32"
    model = functional(dtype=policy)
    model.compile(keras.optimizers.SGD(0.01), loss="mse")
    assert np.isfinite(model.fit(IMAGES, TARGETS, batch_size=8, verbose=0).history["loss"]).all()
    assert float(act(model).steps) != pytest.approx(0.05, rel=1e-4)


def test_a_whole_model_in_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = functional()
        model.compile(keras.optimizers.SGD(0.01), loss="mse")
        history = model.fit(IMAGES, TARGETS, batch_size=8, epochs=2, verbose=0).history
        assert model.output.dtype == "float16"
        # A sparse model is integers in float32 under any policy.
        sparse = sparsify(functional_plain(), calibration=IMAGES)
        for each in (sparse, export(sparse)):
            assert {layer.dtype_policy.name for layer in each.layers[1:]} == {"float32"}
        assert sparse(IMAGES).dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history["loss"]).all()


def functional_plain() -> Any:
    image = keras.Input(IMAGES.shape[1:], name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    return keras.Model(image, layers.Dense(3, name="dense")(layers.Flatten(name="flat")(x)))


@pytest.mark.parametrize("frames", [4, None])
def test_a_pipeline_of_clips(frames):
    """Batches of a size that is not known when the model is traced, the last one smaller."""

    def clips() -> Iterator[tuple[Any, Any]]:
        for batch in (slice(0, 8), slice(0, 4)):
            yield IMAGES[batch], TARGETS[batch]

    signature = (tf.TensorSpec((None, 6, 6, 2)), tf.TensorSpec((None, 3)))
    data = tf.data.Dataset.from_generator(clips, output_signature=signature).prefetch(2)
    data = data.apply(tf.data.experimental.assert_cardinality(2))
    model = functional(frames=frames)
    model.compile(keras.optimizers.SGD(0.01), loss="mse")
    model.fit(data, epochs=1, shuffle=False, verbose=0)
    compared = 3 * 3 if frames else 7 + 3
    assert int(act(model).activation_sparsity.whole) == compared * 4 * 4 * 4


def test_half_a_clip_in_a_pipeline():
    model = functional()
    data = tf.data.Dataset.from_tensor_slices((IMAGES[:6], TARGETS[:6])).batch(6)
    model.compile(loss="mse")
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        model.fit(data, shuffle=False, verbose=0)


@pytest.mark.parametrize("kind", [sequential, functional])
def test_save_and_load(kind, tmp_path: Path):
    model = kind(per_channel=True, use_bias=True, bits=8, signed=False, ceiling=6.0, transmit="values")
    act(model).set_step(RNG.uniform(0.01, 0.1, 4))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert act(loaded).get_config() == act(model).get_config()
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))
    assert float(loaded.losses[0]) == float(model.losses[0])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_alone(kind, tmp_path: Path):
    model, other = kind(), kind(step=1.0)
    model(IMAGES), other(IMAGES)
    model.save_weights(tmp_path / "all.weights.h5")
    assert not np.array_equal(other(IMAGES), model(IMAGES))
    other.load_weights(tmp_path / "all.weights.h5")
    np.testing.assert_array_equal(other(IMAGES), model(IMAGES))


@pytest.mark.parametrize("kind", [sequential, functional])
def test_clone(kind):
    model = kind(penalty=0.5, per_channel=True)
    copy = keras.models.clone_model(model)
    assert act(copy).get_config() == act(model).get_config()
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy(IMAGES), model(IMAGES))
    act(model).set_step(0.3)
    assert float(act(copy).steps[0]) != float(act(model).steps[0])


@pytest.mark.parametrize("per_channel", [False, True])
def test_sparse_models_are_saved_and_cloned_too(per_channel, tmp_path: Path):
    model = sparsify(functional_plain(), calibration=IMAGES, penalty=0.1, frames=4, per_channel=per_channel)
    outputs, loss = model(IMAGES), sum(model.losses)
    model.save(tmp_path / "sparse.keras")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for other in (keras.models.load_model(tmp_path / "sparse.keras"), copy):
        np.testing.assert_array_equal(other(IMAGES), outputs)
        assert float(sum(other.losses)) == float(loss)
        set_clip(other, 8)
        other(IMAGES)
        assert float(sum(other.losses)) != float(loss)


def test_functions_are_traced_with_the_same_results():
    model = sparsify(functional_plain(), calibration=IMAGES)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), model(IMAGES))


def test_xla_is_told_to_stay_away():
    """It may multiply by a reciprocal instead of dividing by the step, which rounds otherwise."""
    model = sparsify(functional_plain(), calibration=IMAGES)
    assert [x.name for x in model.layers if not x.supports_jit] == [
        "image_delta", "conv", "conv_relu_delta", "dense", "dense_output",
    ]  # fmt: skip
    model.compile(loss="mse")
    assert model.jit_compile is False
