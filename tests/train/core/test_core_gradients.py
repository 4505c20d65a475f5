"""Both gradients of the step against their definitions, and why the paper's has the odd sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from stillframe.train import DeltaActivation

RNG = np.random.default_rng(1)
VALUES = RNG.normal(0, 2, (6, 3, 4)).astype(np.float32)
UPSTREAM = RNG.normal(0, 1, VALUES.shape).astype(np.float32)
STEP = 0.375
H = 1e-5
RANGES = [({}, -np.inf, np.inf), ({"bits": 3}, -4, 3), ({"bits": 4, "signed": False}, 0, 15)]


def gradients(layer: DeltaActivation, weight: Any = UPSTREAM, values: Any = VALUES) -> tuple[Any, Any]:
    """By the values and by the step, of sum(weight * outputs) + losses."""
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = layer(values)
        loss = tf.reduce_sum(outputs * weight) + sum(layer.losses)
    by_values, by_log = tape.gradient(loss, [values, layer.log_step])
    # The variable is the step's logarithm.
    return by_values.numpy(), by_log.numpy() / np.exp(layer.log_step.numpy(), dtype=np.float64)


def straight_through(values: Any, low: float, high: float) -> Any:
    """Levels as a function of (values, step) in which rounding is a constant: what is differentiated."""
    ratio = VALUES.astype(np.float64) / STEP
    residue = np.trunc(ratio + np.copysign(0.5, ratio)) - ratio
    inside = (ratio >= low) & (ratio <= high)
    fixed = np.clip(ratio + residue, low, high)
    return lambda z, step: np.where(inside, z / step + residue, fixed)


def by_differences(function: Any, x: Any) -> Any:
    return (function(x + H) - function(x - H)) / (2 * H)


@pytest.mark.parametrize(("options", "low", "high"), RANGES)
def test_lsq_is_the_derivative_with_rounding_held(options, low, high):
    by_values, by_step = gradients(DeltaActivation(step=STEP, gradient="lsq", **options))
    z = VALUES.astype(np.float64)
    levels = straight_through(z, low, high)
    np.testing.assert_allclose(
        by_values, UPSTREAM * by_differences(lambda z: levels(z, STEP) * STEP, z), atol=1e-5
    )
    slope = by_differences(lambda step: levels(z, step) * step, STEP)
    np.testing.assert_allclose(by_step, (UPSTREAM * slope).sum(), rtol=1e-4)


@pytest.mark.parametrize(("options", "low", "high"), RANGES)
def test_surrogate_is_minus_output_over_step(options, low, high):
    layer = DeltaActivation(step=STEP, gradient="surrogate", **options)
    by_values, by_step = gradients(layer)
    np.testing.assert_allclose(by_step, -(UPSTREAM * layer(VALUES).numpy() / STEP).sum(), rtol=1e-5)
    ratio = VALUES / STEP
    np.testing.assert_array_equal(by_values, np.where((ratio >= low) & (ratio <= high), UPSTREAM, 0))


@pytest.mark.parametrize("gradient", ["surrogate", "lsq"])
def test_each_channel_has_its_own_gradient(gradient):
    whole = [
        gradients(DeltaActivation(step=STEP, gradient=gradient), UPSTREAM * (np.arange(4) == channel))[1]
        for channel in range(4)
    ]
    layer = DeltaActivation(step=STEP, gradient=gradient, per_channel=True)
    by_step = gradients(layer)[1]
    assert by_step.shape == (4,)
    np.testing.assert_allclose(by_step, whole, rtol=1e-5)


@pytest.mark.parametrize("gradient", ["surrogate", "lsq"])
def test_activation_has_its_exact_derivative(gradient):
    by_values, _ = gradients(DeltaActivation("tanh", step=0.125, gradient=gradient))
    np.testing.assert_allclose(by_values, UPSTREAM * (1 - np.tanh(VALUES) ** 2), atol=1e-5)


@pytest.mark.parametrize("gradient", ["surrogate", "lsq"])
@pytest.mark.parametrize(("options", "low", "high"), RANGES)
def test_levels_fall_with_the_step(gradient, options, low, high):
    """The penalty on levels: dn/dz = 1 / step, dn/dstep = -z / step**2, whatever the task's gradient."""
    layer = DeltaActivation(
        step=STEP, gradient=gradient, penalise="levels", penalty=0.5, fan_out=3, frames=3, **options
    )
    by_values, by_step = gradients(layer, np.float32(0))
    z = VALUES.astype(np.float64)
    levels = straight_through(z, low, high)

    def loss(z: Any, step: Any) -> Any:
        clips = levels(z, step).reshape(2, 3, 3, 4)
        return 0.5 * 3 * np.abs(clips[:, 1:] - clips[:, :-1]).sum() / 4

    np.testing.assert_allclose(by_step, by_differences(lambda step: loss(z, step), STEP), rtol=1e-4)
    for at in [(0, 0, 0), (1, 2, 3), (2, 1, 1), (3, 0, 2), (5, 1, 0)]:
        unit = np.zeros_like(z)
        unit[at] = 1
        changed = levels(z, STEP).reshape(2, 3, 3, 4)
        sign = np.zeros_like(changed)
        sign[:, 1:] += np.sign(changed[:, 1:] - changed[:, :-1])
        sign[:, :-1] -= np.sign(changed[:, 1:] - changed[:, :-1])
        slope = by_differences(lambda d, unit=unit, at=at: levels(z + d * unit, STEP)[at], 0.0)
        np.testing.assert_allclose(by_values[at], 0.5 * 3 / 4 * sign.reshape(z.shape)[at] * slope, atol=1e-5)


def test_penalty_that_goes_with_a_gradient():
    assert DeltaActivation(gradient="surrogate").penalise == "magnitude"
    assert DeltaActivation(gradient="lsq").penalise == "levels"
    assert DeltaActivation(gradient="lsq", counts="values").penalise == "magnitude"  # L1


def test_events_penalty():
    layer = DeltaActivation(step=STEP, gradient="lsq", penalise="events", penalty=2.0, frames=None)
    _, by_step = gradients(layer, np.float32(0))
    z = VALUES.astype(np.float64)
    levels = straight_through(z, -np.inf, np.inf)

    def loss(step: Any) -> Any:
        n = levels(z, step)
        return 2 * (1 - np.exp(-np.abs(n[1:] - n[:-1]) / 2)).sum() / 5

    np.testing.assert_allclose(by_step, by_differences(loss, STEP), rtol=1e-4)


def test_surrogate_on_magnitude_counts_level_changes():
    """The paper's: d|dO|/dstep is -|dn|, so the step grows as long as anything changes."""
    layer = DeltaActivation(step=STEP, penalty=0.5, frames=3)
    _, by_step = gradients(layer, np.float32(0))
    levels = np.round(layer(VALUES).numpy() / STEP).reshape(2, 3, 3, 4)
    np.testing.assert_allclose(by_step, -0.5 * np.abs(levels[:, 1:] - levels[:, :-1]).sum() / 4, rtol=1e-5)


def test_first_frames_get_no_gradient_from_values_that_are_not_counted():
    layer = DeltaActivation(step=STEP, penalty=1.0, counts="values", frames=3)
    by_values, _ = gradients(layer, np.float32(0))
    clips = by_values.reshape(2, 3, 3, 4)
    assert not clips[:, 0].any()
    assert clips[:, 1:].any()


class TestDither:
    """delta ~ N(0, 0.7) on a uniform offset: the size of rounded deltas does not depend on the step."""

    STEPS = (0.5, 1.0, 2.0, 4.0, 8.0)
    EVENTS = (0.73, 0.51, 0.28, 0.14, 0.07)
    COUNT = 200_000

    def measure(self, step: float, **options: Any) -> tuple[float, float, float]:
        """Mean sparsity loss of an element, share of events, gradient of the loss by the step."""
        rng = np.random.default_rng(2)
        start = rng.uniform(0, 64, self.COUNT)
        values = np.stack([start, start + rng.normal(0, 0.7, self.COUNT)]).astype(np.float32)
        layer = DeltaActivation(step=step, penalty=1 / self.COUNT, **options)
        _, by_step = gradients(layer, np.float32(0), values)
        return float(layer.losses[0]), 1 - float(layer.activation_sparsity.result()), float(by_step)

    @pytest.mark.parametrize(("step", "events"), list(zip(STEPS, EVENTS, strict=True)))
    def test_size_stays_and_events_fall(self, step, events):
        size, share, by_step = self.measure(step)
        assert size == pytest.approx(0.558, abs=0.015)
        assert share == pytest.approx(events, abs=0.006)
        assert by_step < 0  # the surrogate makes the step grow

    @pytest.mark.parametrize("step", STEPS)
    def test_lsq_on_size_shrinks_the_step(self, step):
        assert self.measure(step, gradient="lsq", penalise="magnitude")[2] > 0.005

    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("penalise", ["levels", "events"])
    def test_lsq_on_levels_grows_it(self, step, penalise):
        # -z / step**2 in events alone, whose share falls with the step: about -0.49 / step**3.
        assert self.measure(step, gradient="lsq", penalise=penalise)[2] * step**3 < -0.05
