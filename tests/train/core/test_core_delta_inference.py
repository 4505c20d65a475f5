"""Delta inference in floats: what the layers' modes pass on sums up to what they pass as values."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from stillframe.train import DeltaActivation

layers = keras.layers
CLIPS, FRAMES = 2, 5
RNG = np.random.default_rng(3)
IMAGES = RNG.uniform(0, 2, (CLIPS * FRAMES, 6, 5, 3))
IMAGES[2::2] = IMAGES[1:-1:2]  # still frames among them, and across the clips' border


def network(transmit: str, pool: bool = False) -> Any:
    """delta -> convolution -> sigma-delta (-> max-pool on values) -> dense -> sigma, in doubles."""

    def delta(*args: Any, **kwargs: Any) -> Any:
        return DeltaActivation(*args, frames=FRAMES, transmit=transmit, **kwargs)

    last = "sigma" if pool else "sigma-delta"
    stack = [
        delta(mode="delta", step=0.125, name="input"),
        layers.Conv2D(4, 3, use_bias=False, name="conv"),
        delta("relu", mode=last, step=0.25, per_channel=True, use_bias=True, name="hidden"),
    ]
    if pool:
        stack.append(layers.MaxPooling2D(2, name="pool"))
        stack.append(delta(mode="delta", step=0.25, name="again"))
    stack += [
        layers.Flatten(),
        layers.Dense(3, use_bias=False, name="dense"),
        delta(mode="sigma", step=0.5, use_bias=True, name="output"),
    ]
    model = keras.Sequential([keras.Input(IMAGES.shape[1:]), *stack])
    rng = np.random.default_rng(4)
    for name in ("conv", "dense"):  # multiples of 1/16: doubles hold every sum exactly
        kernel = model.get_layer(name).kernel
        kernel.assign(rng.integers(-8, 9, kernel.shape) / 16)
    for name in ("hidden", "output"):
        bias = model.get_layer(name).bias
        bias.assign(rng.integers(-8, 9, bias.shape) / 16)
    return model


def layer_outputs(model: Any, name: str) -> Any:
    inner = keras.Model(model.inputs[0], model.get_layer(name).output)
    return inner(IMAGES).numpy().reshape(CLIPS, FRAMES, -1)


@pytest.fixture(autouse=True)
def doubles() -> Any:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("pool", [False, True])
def test_outputs_are_those_of_values(pool):
    values, deltas = network("values", pool)(IMAGES), network("deltas", pool)(IMAGES)
    assert values.dtype == deltas.dtype == "float64"
    np.testing.assert_array_equal(values, deltas)
    assert np.std(values) > 0.5


@pytest.mark.parametrize("name", ["input", "hidden"])
def test_deltas_sum_up_to_values(name):
    values = layer_outputs(network("values"), name)
    deltas = layer_outputs(network("deltas"), name)
    np.testing.assert_array_equal(np.cumsum(deltas, axis=1), values)
    np.testing.assert_array_equal(deltas[:, 0], values[:, 0])  # frame 1 is sent in full: O(0) is 0
    assert not deltas[0, 2].any()
    assert deltas[:, 1].any()


def test_max_pool_of_deltas_would_be_wrong():
    """Why a sigma layer goes before it: the largest change is not the change of the largest."""
    values = layer_outputs(network("values", pool=True), "pool")
    sigma = layer_outputs(network("deltas", pool=True), "hidden").reshape(-1, 4, 3, 4)
    changes = sigma.reshape(CLIPS, FRAMES, 4, 3, 4)
    changes = np.diff(changes, axis=1, prepend=0).reshape(sigma.shape)
    pooled = np.asarray(layers.MaxPooling2D(2)(changes)).reshape(CLIPS, FRAMES, -1)
    assert not np.array_equal(np.cumsum(pooled, axis=1), values)
    np.testing.assert_array_equal(layer_outputs(network("deltas", pool=True), "pool"), values)


def test_both_ways_count_the_same():
    counts = []
    for transmit in ("values", "deltas"):
        model = network(transmit)
        model(IMAGES)
        metric = model.get_layer("hidden").activation_sparsity
        counts.append((int(metric.part), int(metric.whole)))
    assert counts[0] == counts[1]
    assert 0 < counts[0][0] < counts[0][1]
