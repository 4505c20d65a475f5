"""The Delta Activation Layer: rounds activations to a learned step, and learns to change them less.

A. Yousefzadeh, M. Sifalakis, "Training for temporal sparsity in deep neural networks, application in video
processing", arXiv 2107.07305.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from .arguments import one_of, positive, whole_or_none
from .counters import ActivationSparsity
from .frames import by_clip, operands
from .gradients import GRADIENTS, count_levels, dequantise
from .rescale import Sums, levels_of
from .steps import round_half_away, snap

MODES = ("delta", "sigma", "sigma-delta")
COUNTS = ("changes", "values")
TRANSMITS = ("values", "deltas")
PENALISE = ("magnitude", "levels", "events")
EVENT_WIDTH = 2.0
"""Of the smooth event count 1 - exp(-|dn| / 2)."""


@keras.saving.register_keras_serializable("stillframe")
class DeltaActivation(keras.layers.Layer):
    """O = round(f(Z) / step) * step, with a penalty on what changes between the frames of a clip.

    Going forward it is the plain quantised activation of a network that sees single frames, so training
    unrolls nothing; the frames of a clip are compared inside the layer, for the loss and the metric. The
    first frame of a clip is in neither. A change is a change of the rounded level: nothing is left over, and
    delta inference gives exactly what the network gives for each frame alone.

    Args:
        activation: f, as Keras takes it; none if the activation is a layer before this one.
        mode: What the layer is in delta inference. ``sigma-delta`` sums up changes, applies f, rounds and
            passes changes on; ``delta`` only passes on changes of values (on the network's input; it takes no
            activation); ``sigma`` sums up, applies f, rounds, and passes values on (the network's output):
            nothing of it is counted or penalised.
        step: Quantisation step to start with, positive.
        per_channel: One step for each channel (the last axis) instead of one for the tensor.
        gradient: What the step learns by, ``surrogate`` (the paper's) or ``lsq`` (learned step size): see
            :mod:`stillframe.train.gradients`.
        penalty: Weight of the sparsity loss, 0 or more. The loss of the layer is
            penalty * fan_out * (sum over its elements, mean over the frames but each clip's first).
        fan_out: MACs that one non-zero element causes downstream, positive.
        penalise: What is summed: ``magnitude`` |dO| (the paper's), ``levels`` |dn| with O = n * step, or
            ``events`` 1 - exp(-|dn| / 2), nearly the number of changes. By default ``magnitude`` with the
            surrogate gradient and of values (L1), else ``levels``: the honest gradient of lsq could not make
            the step grow otherwise.
        counts: Whether ``changes`` from the frame before or the ``values`` themselves are penalised and
            counted. ``values`` is spatial sparsification.
        frames: Frames a clip, which lie one after the other in the batch axis; None if a batch is one clip.
        time_axis: 0, or 1 for inputs of (clips, frames, ...).
        bits: The levels are those of an integer of so many bits; None: not clipped, as in the paper.
        signed: Whether that integer is signed. Unsigned suits activations that are never negative.
        ceiling: Largest real value, for an activation that ends there (6 for ReLU6).
        transmit: ``values`` passes O on; ``deltas`` does delta inference in floats: inputs and outputs are
            what the mode says, summed and differenced along the clip. For checking, not for training.
        use_bias: Adds a trainable bias to Z. In delta inference the bias belongs to the state, Z(0) = B, and
            the linear layer before has none.
        return_step: Also return the step: (outputs, step).
        round_once: How sums given to the layer are rescaled: see :mod:`stillframe.train.rescale`.

    Call arguments:
        inputs: Float, channels last.
        sums: What the MAC layer before has in its accumulators (``stillframe.train.rescale.Sums``); the
            levels are then those that the accelerator computes, to the last one.

    Input and output shape are equal. The output has the policy's compute type; inside, the layer computes in
    float32, or in float64 under a float64 policy.

    Raises:
        ValueError: An argument is none of those above, or the batch does not hold whole clips.

    Example:
        >>> x = keras.layers.Conv2D(16, 3)(images)
        >>> x = DeltaActivation("relu", step=0.05, gradient="lsq", penalty=1e-6, fan_out=144, frames=8)(x)
    """

    def __init__(
        self,
        activation: Any = None,
        *,
        mode: str = "sigma-delta",
        step: float = 1.0,
        per_channel: bool = False,
        gradient: str = "surrogate",
        penalty: float = 0.0,
        fan_out: float = 1.0,
        penalise: str | None = None,
        counts: str = "changes",
        frames: int | None = None,
        time_axis: int = 0,
        bits: int | None = None,
        signed: bool = True,
        ceiling: float | None = None,
        transmit: str = "values",
        use_bias: bool = False,
        return_step: bool = False,
        round_once: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs["autocast"] = False
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.mode = one_of("mode", mode, MODES)
        if self.mode == "delta" and self.activation is not keras.activations.linear:
            raise ValueError(
                "Argument `activation` was expected to be None with mode='delta', which acts on an input. "
                f"Received: activation={activation}"
            )
        self.step = positive("step", step)
        self.per_channel = per_channel
        self.gradient = one_of("gradient", gradient, GRADIENTS)
        self.penalty = positive("penalty", penalty, or_zero=True)
        self.fan_out = positive("fan_out", fan_out)
        default = "magnitude" if gradient == "surrogate" or counts == "values" else "levels"
        self.penalise = one_of("penalise", penalise or default, PENALISE)
        self.counts = one_of("counts", counts, COUNTS)
        self.frames = whole_or_none("frames", frames, 1)
        self.time_axis = one_of("time_axis", time_axis, (0, 1))
        self.bits = whole_or_none("bits", bits, 2)
        self.signed = signed
        self.ceiling = None if ceiling is None else positive("ceiling", ceiling)
        self.transmit = one_of("transmit", transmit, TRANSMITS)
        self.use_bias = use_bias
        self.return_step = return_step
        self.round_once = round_once
        # XLA may turn a division by the step into a multiplication, which rounds otherwise.
        self.supports_jit = False
        if self.mode != "sigma":
            self.activation_sparsity = ActivationSparsity(f"{self.name}_activation_sparsity")

    def build(self, inputs_shape: Any, **kwargs: Any) -> None:
        """Make the step (and the bias); they are float32 at least, whatever the policy."""
        channels = inputs_shape[-1]
        if (self.per_channel or self.use_bias) and channels is None:
            raise ValueError(
                f"Layer {self.name} was expected to get inputs with a known number of channels. "
                f"Received: inputs of shape {inputs_shape}"
            )
        # The logarithm, so that a step stays positive and learns at the same rate whatever its size.
        self.log_step = self.add_weight(
            name="log_step",
            shape=(channels,) if self.per_channel else (),
            initializer=keras.initializers.Constant(math.log(self.step)),
            dtype="float32",
            autocast=False,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(channels,),
                initializer="zeros",
                dtype=self.internal_dtype,
                autocast=False,
            )

    @property
    def internal_dtype(self) -> str:
        """What the layer computes in."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    @property
    def steps(self) -> Any:
        """The step as it is used, float32: () or (channels,), of few significant bits."""
        return snap(tf.exp(tf.convert_to_tensor(self.log_step)))

    def set_step(self, step: Any) -> None:
        """Set the step, a positive number or (channels,) of them."""
        self.log_step.assign(tf.broadcast_to(tf.math.log(tf.cast(step, tf.float32)), self.log_step.shape))

    def levels_range(self, step: Any) -> tuple[Any, Any]:
        """Smallest and largest level, of the type and shape of ``step``."""
        if self.bits is None:
            low, high = -float("inf"), float("inf")
        elif self.signed:
            low, high = -(2.0 ** (self.bits - 1)), 2.0 ** (self.bits - 1) - 1
        else:
            low, high = 0.0, 2.0**self.bits - 1
        low, high = tf.fill(tf.shape(step), tf.cast(low, step.dtype)), tf.cast(high, step.dtype)
        if self.ceiling is not None:
            high = tf.minimum(high, round_half_away(tf.cast(self.ceiling, step.dtype) / step))
        return low, tf.broadcast_to(high, tf.shape(step))

    def call(self, inputs: Any, sums: Sums | None = None) -> Any:
        """Round, count and penalise."""
        z = tf.cast(inputs, self.internal_dtype)
        if self.transmit == "deltas" and self.mode != "delta":
            z = self._along_clips(z, lambda clips: tf.cumsum(clips, axis=1))
        if self.use_bias:
            z = z + self.bias
        value = self.activation(z)
        step = self.steps
        outputs = self._round(value, tf.cast(step, value.dtype), sums)
        if self.transmit == "deltas" and self.mode != "sigma":
            outputs = self._along_clips(outputs, differences)
        outputs = tf.cast(outputs, self.compute_dtype)
        return (outputs, step) if self.return_step else outputs

    def _along_clips(self, x: Any, function: Any) -> Any:
        return tf.reshape(function(by_clip(x, self.frames, self.time_axis)), tf.shape(x))

    def _round(self, value: Any, step: Any, sums: Sums | None) -> Any:
        low, high = self.levels_range(step)
        if sums is None:
            levels = round_half_away(value / step)
        else:
            levels = tf.cast(levels_of(Sums(*sums), self.steps, self.round_once), value.dtype)
        levels = tf.stop_gradient(tf.clip_by_value(levels, low, high))
        outputs = dequantise(value, step, levels, low, high, self.gradient)
        if self.mode != "sigma":
            self.activation_sparsity.count(operands(levels, self.counts, self.frames, self.time_axis))
            if self.penalty:
                counted = (
                    outputs if self.penalise == "magnitude" else count_levels(value, step, levels, low, high)
                )
                cost = self.penalty * self.fan_out * self._cost(counted)
                self.add_loss(tf.cast(cost, keras.config.floatx()))  # as Keras' own losses
        return outputs

    def _cost(self, counted: Any) -> Any:
        """Summed over elements, mean over frames; 0 if there is no frame but first ones."""
        sizes = tf.abs(operands(counted, self.counts, self.frames, self.time_axis))
        if self.penalise == "events":
            sizes = 1 - tf.exp(-sizes / EVENT_WIDTH)
        frames = tf.reduce_prod(tf.shape(sizes)[:2])
        return tf.reduce_sum(sizes) / tf.cast(tf.maximum(frames, 1), sizes.dtype)

    def compute_output_shape(self, inputs_shape: Any, **kwargs: Any) -> Any:
        """That of the inputs."""
        step = (inputs_shape[-1],) if self.per_channel else ()
        return (inputs_shape, step) if self.return_step else inputs_shape

    def compute_output_spec(self, inputs: Any, sums: Any = None) -> Any:
        """That of the inputs in the policy's compute type, and float32 steps."""
        shapes = self.compute_output_shape(tuple(inputs.shape))
        if not self.return_step:
            return keras.KerasTensor(shapes, self.compute_dtype)
        return keras.KerasTensor(shapes[0], self.compute_dtype), keras.KerasTensor(shapes[1], "float32")

    def get_config(self) -> dict[str, Any]:
        """All arguments; the step is the one to start with."""
        config = super().get_config()
        config.pop("autocast", None)
        names = (
            "mode step per_channel gradient penalty fan_out penalise counts frames time_axis bits signed "
            "ceiling transmit use_bias return_step round_once"
        )
        return {
            **config,
            "activation": keras.activations.serialize(self.activation),
            **{name: getattr(self, name) for name in names.split()},
        }


def differences(clips: Any) -> Any:
    """Each frame less the one before, the first one in full: (clips, frames, ...)."""
    return clips - tf.concat([tf.zeros_like(clips[:, :1]), clips[:, :-1]], axis=1)
