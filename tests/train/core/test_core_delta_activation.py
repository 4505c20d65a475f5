"""The Delta Activation Layer going forward: levels, sparsity loss, metric, and what it refuses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stillframe.train import DeltaActivation

CLIPS, FRAMES, FEATURES = 3, 4, (2, 5)
VALUES = np.random.default_rng(0).normal(0, 1.5, (CLIPS * FRAMES, *FEATURES)).astype(np.float32)


def levels_of(values: Any, step: Any, low: float = -np.inf, high: float = np.inf) -> Any:
    """Halves away from zero, clipped; float64."""
    ratio = np.asarray(values, np.float32) / np.float32(step)
    return np.clip(np.trunc(ratio + np.copysign(0.5, ratio.astype(np.float64))), low, high)


def operands(x: Any, counts: str, frames: int | None) -> Any:
    clips = x.reshape(-1, frames or len(x), *x.shape[1:])
    return clips[:, 1:] - clips[:, :-1] if counts == "changes" else clips[:, 1:]


def test_halves_are_rounded_away_from_zero():
    values = [-2.5, -1.5, -0.75, -0.5, -0.25, 0.0, 0.25, 0.49999997, 0.5, 1.5, 2.5]
    outputs = DeltaActivation(step=1.0)(np.float32([values]))
    assert outputs.numpy().tolist() == [[-3, -2, -1, -1, 0, 0, 0, 0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({}, -np.inf, np.inf),
        ({"bits": 4}, -8, 7),
        ({"bits": 4, "signed": False}, 0, 15),
        ({"bits": 8, "signed": False, "ceiling": 1.9}, 0, 6),
        ({"bits": 3, "signed": False, "ceiling": 6.0}, 0, 7),
        ({"ceiling": 0.9}, -np.inf, 3),
    ],
)
def test_levels_are_clipped(options, low, high):
    values = np.float32(np.linspace(-9, 9, 721))[np.newaxis]
    step = 0.296875  # six significant bits: 1.9 / step is 6.4, 0.9 / step is 3.03
    outputs = DeltaActivation(step=step, **options)(values).numpy()
    np.testing.assert_array_equal(outputs, (levels_of(values, step, low, high) * step).astype(np.float32))


def test_one_step_for_each_channel():
    layer = DeltaActivation("relu", step=1.0, per_channel=True)
    layer.build((None, *FEATURES))
    steps = np.float32([0.125, 0.25, 0.5, 1, 2])
    layer.set_step(steps)
    np.testing.assert_array_equal(layer.steps, steps)
    outputs = layer(VALUES).numpy()
    np.testing.assert_array_equal(outputs, levels_of(np.maximum(VALUES, 0), steps) * steps)
    assert len(np.unique(outputs[..., 0])) > len(np.unique(outputs[..., 4])) >= 2


def test_step_has_few_significant_bits_and_is_returned():
    layer = DeltaActivation(step=0.1, return_step=True)
    outputs, step = layer(VALUES)
    mantissa, _ = np.frexp(np.float64(step))
    assert mantissa * 2**16 == round(mantissa * 2**16)
    assert abs(float(step) / 0.1 - 1) < 2**-16
    np.testing.assert_array_equal(outputs, (levels_of(VALUES, step) * np.float64(step)).astype(np.float32))


@pytest.mark.parametrize("frames", [FRAMES, 2, None])
@pytest.mark.parametrize("counts", ["changes", "values"])
@pytest.mark.parametrize("penalise", ["magnitude", "levels", "events"])
def test_loss_and_metric_are_their_definitions(penalise, counts, frames):
    layer = DeltaActivation(
        "relu", step=0.5, penalty=0.25, fan_out=6, penalise=penalise, counts=counts, frames=frames
    )
    layer(VALUES)
    changes = np.abs(operands(levels_of(np.maximum(VALUES, 0), 0.5), counts, frames))
    size = {
        "magnitude": changes * 0.5,
        "levels": changes,
        "events": 1 - np.exp(-changes / 2),
    }[penalise]
    (loss,) = layer.losses
    counted = changes.shape[0] * changes.shape[1]
    np.testing.assert_allclose(loss, 0.25 * 6 * size.sum() / counted, rtol=1e-6)
    metric = layer.activation_sparsity
    assert (int(metric.part), int(metric.whole)) == (np.count_nonzero(changes), changes.size)
    assert float(metric.result()) == np.float32(1 - np.count_nonzero(changes) / changes.size)


def test_clips_may_have_an_axis_of_their_own():
    layers = [
        DeltaActivation(step=0.5, penalty=1.0, frames=FRAMES),
        DeltaActivation(step=0.5, penalty=1.0, time_axis=1),
    ]
    flat = layers[0](VALUES)
    clips = layers[1](VALUES.reshape(CLIPS, FRAMES, *FEATURES))
    np.testing.assert_array_equal(tf.reshape(clips, flat.shape), flat)
    assert float(layers[0].losses[0]) == float(layers[1].losses[0]) > 0
    assert [int(layer.activation_sparsity.whole) for layer in layers] == [9 * 10] * 2


@pytest.mark.parametrize("counts", ["changes", "values"])
def test_first_frames_are_only_what_the_next_ones_differ_from(counts):
    def counted(values: Any) -> tuple[float, int]:
        layer = DeltaActivation(step=0.5, penalty=1.0, counts=counts, frames=FRAMES)
        layer(values)
        return float(layer.losses[0]), int(layer.activation_sparsity.part)

    still = np.repeat(VALUES[:CLIPS] + 9, FRAMES, axis=0)
    loss, part = counted(still)
    if counts == "changes":
        assert (loss, part) == (0, 0)
        still[0] += 1  # 2 levels in each of 10 elements
        assert counted(still) == (pytest.approx(2 * 0.5 * 10 / 9), 10)
    else:
        assert part == 90
        still[::FRAMES] = 0
        assert counted(still) == (loss, part)


def test_single_frames_cost_nothing():
    layer = DeltaActivation(step=0.5, penalty=1.0, frames=1)
    layer(VALUES)
    assert float(layer.losses[0]) == 0
    assert float(layer.activation_sparsity.result()) == int(layer.activation_sparsity.whole) == 0


def test_metric_adds_up_until_it_is_reset():
    layer = DeltaActivation(step=0.5)
    metric = layer.activation_sparsity
    layer(VALUES)
    once = int(metric.part), int(metric.whole)
    layer(VALUES)
    assert (int(metric.part), int(metric.whole)) == (2 * once[0], 2 * once[1])
    metric.reset_state()
    layer(VALUES)
    assert (int(metric.part), int(metric.whole)) == once
    assert metric in keras.Sequential([layer]).metrics or metric in layer._metrics


def test_an_output_is_neither_penalised_nor_counted():
    layer = DeltaActivation(mode="sigma", step=0.5, penalty=1.0)
    layer(VALUES)
    assert layer.losses == []
    assert not hasattr(layer, "activation_sparsity")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"mode": "both"},
            "`mode` was expected to be one of 'delta', 'sigma', 'sigma-delta'. Received: mode='both'",
        ),
        ({"step": 0}, "`step` was expected to be a positive number. Received: step=0"),
        ({"step": "fine"}, "`step` was expected to be a positive number. Received: step='fine'"),
        ({"step": float("nan")}, "`step` was expected to be a positive number. Received: step=nan"),
        ({"penalty": -1}, "`penalty` was expected to be 0 or a positive number. Received: penalty=-1"),
        ({"fan_out": 0}, "`fan_out` was expected to be a positive number. Received: fan_out=0"),
        (
            {"gradient": "true"},
            "`gradient` was expected to be one of 'surrogate', 'lsq'. Received: gradient='true'",
        ),
        (
            {"penalise": "l2"},
            "`penalise` was expected to be one of 'magnitude', 'levels', 'events'. Received: penalise='l2'",
        ),
        (
            {"counts": "both"},
            "`counts` was expected to be one of 'changes', 'values'. Received: counts='both'",
        ),
        (
            {"frames": 0},
            "`frames` was expected to be None or a whole number of at least 1. Received: frames=0",
        ),
        (
            {"frames": 2.5},
            "`frames` was expected to be None or a whole number of at least 1. Received: frames=2.5",
        ),
        ({"bits": 1}, "`bits` was expected to be None or a whole number of at least 2. Received: bits=1"),
        ({"time_axis": 2}, "`time_axis` was expected to be one of 0, 1. Received: time_axis=2"),
        ({"ceiling": -6}, "`ceiling` was expected to be a positive number. Received: ceiling=-6"),
        (
            {"transmit": "events"},
            "`transmit` was expected to be one of 'values', 'deltas'. Received: transmit='events'",
        ),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match="expected") as error:
        DeltaActivation(**options)
    assert str(error.value) == f"Argument {message}"


def test_an_input_has_no_activation():
    with pytest.raises(ValueError, match="expected") as error:
        DeltaActivation("relu", mode="delta")
    assert str(error.value) == (
        "Argument `activation` was expected to be None with mode='delta', which acts on an input. "
        "Received: activation=relu"
    )


def test_a_batch_of_no_whole_clips():
    layer = DeltaActivation(step=0.5, frames=5, name="act")
    with pytest.raises(
        ValueError, match="Expected a batch of whole clips of 5 frames, received: a batch of 12"
    ):
        layer(VALUES)


def test_channels_have_to_be_known():
    with pytest.raises(ValueError, match="expected to get inputs with a known number of channels"):
        DeltaActivation(per_channel=True).build((None, 4, None))
