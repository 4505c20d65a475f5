"""ResNet-50 and MobileNet: their preprocessing is in them, they train, and say what their stages save."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from stillframe.contract import StillframeError
from stillframe.frontend.quiet import quiet
from stillframe.train import DeltaActivation, set_clip, sparsify, sparsity, total
from stillframe.train.backbones import BACKBONES, build, fold_preprocessing
from stillframe.train.ucf101.depth import network_stages, rows_of
from stillframe.train.ucf101.training import compile_model

PREPROCESS = {
    "resnet50": keras.applications.resnet.preprocess_input,
    "mobilenet": keras.applications.mobilenet.preprocess_input,
}
STAGES = {
    "resnet50": {"input": 1, "conv1": 2, "conv2": 10, "conv3": 13, "conv4": 19, "conv5": 8, "head": 1},
    "mobilenet": {"input": 1, "conv1": 3, "conv2": 4, "conv3": 4, "conv4": 12, "conv5": 3, "head": 1},
}
"""MAC layers that read the activations of each resolution; 53 + 1 and 27 + 1."""

MACS = {"resnet50": 3_857_973_248 + 2048 * 101, "mobilenet": 567_716_352 + 1024 * 101}
"""Of a frame of 224 x 224 with taps in the padding, as He et al. and Howard et al. count them (3.8 and 0.57
billion), and 101 classes."""


def moving(size: int) -> np.ndarray:
    """Two clips of two frames; a patch and some noise change."""
    random = np.random.default_rng(0)
    clips = np.repeat(random.random((2, 1, size, size, 3), np.float32), 2, axis=1)
    clips[:, 1, : size // 3, : size // 3] = 0.5
    clips[:, 1, size // 2 :] += random.normal(0, 0.05, (size - size // 2, size, 3))
    return np.clip(clips, 0, 1).reshape(4, size, size, 3).astype(np.float32)


@pytest.mark.parametrize("name", BACKBONES)
def test_preprocessing_is_folded_exactly_but_at_the_edge(name: str) -> None:
    """The first batch norm gives what it gives behind the application's own preprocessing."""
    backbone = BACKBONES[name]
    keras.utils.set_random_seed(1)
    model = build(name, 3, size=32)
    pixels = np.random.default_rng(2).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    norm = model.get_layer(backbone.norm)
    norm.moving_mean.assign(np.random.default_rng(3).normal(0, 5, norm.moving_mean.shape))
    front = keras.Model(model.input, norm.output)
    expected = front.predict(PREPROCESS[name](pixels.copy()), verbose=0)
    fold_preprocessing(model, backbone)
    got = front.predict(pixels / 255, verbose=0)
    inside = np.s_[:, 2:-2, 2:-2]
    np.testing.assert_allclose(got[inside], expected[inside], rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert np.abs(got - expected).max() > 0.01  # the edge, padded with black


def settled(model: Any, frames: np.ndarray) -> Any:
    """With these frames' statistics in its batch norms: else activations of an untrained MobileNet vanish."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(frames, training=True)
    return model


def train_a_step(name: str, size: int, eagerly: bool) -> None:
    keras.utils.set_random_seed(1)
    frames, labels = moving(size), np.array([3, 3, 77, 77])
    float_model = settled(build(name, 101, size), frames)
    model = sparsify(
        float_model,
        "temporal",
        calibration=frames[:2],
        coarseness=BACKBONES[name].coarseness,
        penalty=1.0,
        penalise="events",
        frames=2,
    )
    compile_model(model)
    model.run_eagerly = eagerly
    before = [weight.numpy() for weight in model.trainable_variables]
    loss = model.train_on_batch(frames, labels, return_dict=True)["loss"]
    assert np.isfinite(loss)
    changed = [
        not np.array_equal(a, b.numpy()) for a, b in zip(before, model.trainable_variables, strict=True)
    ]
    assert np.mean(changed) > 0.9
    assert all(np.isfinite(weight.numpy()).all() for weight in model.trainable_variables)
    check_stages(name, size, model)


def check_stages(name: str, size: int, model: Any) -> None:
    counts = {row.name: row for row in sparsity(model)}
    stages = network_stages(model)
    assert {stage.name: len(stage.readers) for stage in stages} == STAGES[name]
    assert [stage.height for stage in stages] == [size, *(size >> k for k in range(1, 6)), 1]
    by_stage = [total(rows_of([*stage.activations, *stage.readers], counts)) for stage in stages]
    whole = total(counts.values())
    assert total(by_stage) == whole
    dense = whole.macs_dense / 2  # the second frame of two clips
    if size == 224:
        assert 0.95 * MACS[name] < dense < MACS[name]
    assert 0 < by_stage[0].macs_issued < by_stage[0].macs_dense
    first = next(layer for layer in model.layers if isinstance(layer, DeltaActivation))
    assert np.isclose(float(first.steps), BACKBONES[name].coarseness / 255, rtol=0.05)


def test_mobilenet_trains_and_counts() -> None:
    train_a_step("mobilenet", 224, eagerly=True)


def test_resnet50_trains_and_counts() -> None:
    train_a_step("resnet50", 64, eagerly=True)


@pytest.mark.full
@pytest.mark.parametrize("name", BACKBONES)
def test_trains_and_counts_at_224(name: str) -> None:
    train_a_step(name, 224, eagerly=False)


def save(model: Any, path: Path) -> None:
    with quiet():  # Keras and NumPy disagree about a keyword
        model.save_weights(path)


def test_other_weights_are_a_message(tmp_path: Path) -> None:
    path = tmp_path / "some.weights.h5"
    save(build("mobilenet", 4, 32), path)
    with pytest.raises(StillframeError) as error:
        build("mobilenet", 5, 32, path)
    assert str(error.value).startswith(
        f"--weights {path}: expected a .keras or .weights.h5 file of mobilenet with 5 classes, got: "
    )
    assert error.value.hint == "name a file that was saved from the same network, with the same classes"


def test_weights_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "some.weights.h5"
    keras.utils.set_random_seed(4)
    model = build("mobilenet", 4, 32)
    save(model, path)
    again = build("mobilenet", 4, 32, path)
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_weights_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise Exception("URL fetch failure on https://storage.googleapis.com/x: None -- no route")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)
    monkeypatch.setattr("keras.src.applications.mobilenet.file_utils.get_file", no_network)
    with pytest.raises(StillframeError) as error:
        build("mobilenet", 5, 224, "imagenet")
    assert str(error.value) == (
        "--weights imagenet: expected Keras to download the weights of mobilenet, got: "
        "URL fetch failure on https://storage.googleapis.com/x: None -- no route\n"
        "  -> connect to the network (they are kept in ~/.keras/models then), or name a file with --weights, "
        "or train from scratch with --weights none"
    )


def test_imagenet_weights_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was loaded goes through the folding: a doubled kernel, for pixels 0 to 1 instead of -1 to 1."""
    made = {}
    application = keras.applications.MobileNet

    def pretend(weights: str | None, **kwargs: Any) -> Any:
        assert weights == "imagenet"
        model = application(weights=None, **kwargs)
        made["kernel"] = model.get_layer("conv1").kernel.numpy()
        return model

    monkeypatch.setitem(BACKBONES, "mobilenet", replace(BACKBONES["mobilenet"], make=pretend))
    model = build("mobilenet", 5, 32, "imagenet")
    np.testing.assert_array_equal(model.get_layer("conv1").kernel.numpy(), 2 * made["kernel"])


def test_stages_of_a_clip_that_is_one_batch() -> None:
    """Set-ups that are evaluated have the same stages, whatever a clip is."""
    model = sparsify(build("mobilenet", 5, 32), "baseline", step=0.1, frames=2)
    set_clip(model, None)
    assert [stage.name for stage in network_stages(model)][:2] == ["input", "conv1"]
