"""MAC layers on integers: weights rounded as TensorFlow's converter rounds them, exact sums.

In the forward pass both operands are whole numbers in float32, which adds them exactly below 2**24 (more than
the accelerator's accumulators hold). Gradients pass straight through both roundings.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .arguments import one_of, whole_or_none
from .counters import OperationSparsity
from .delta_activation import COUNTS
from .frames import operands
from .reach import reach
from .rescale import BIAS_LIMIT, DEAD_SCALE, Sums, bias_codes
from .steps import round_half_away, snap, straight_through, tensor_scale

WEIGHT_LEVELS = 127
DEAD = 1.001 * DEAD_SCALE * WEIGHT_LEVELS
"""A channel whose largest weight is below this has weights of zero. Above it, a scale of few significant bits
is above the converter's smallest."""


class MacLayer(keras.layers.Layer):
    """What the three MAC layers share; goes before a Keras layer with a kernel and a bias.

    Args:
        counts: What its operations are counted by: ``changes`` or ``values``.
        frames: Frames a clip; None if a batch is one clip.

    Call arguments:
        inputs: (batch, ..., channels), levels * step.
        step: Of the inputs, () or (channels,).

    Returns:
        (outputs, sums): float32 real values, and :class:`~stillframe.train.rescale.Sums`.
    """

    def __init__(self, *args: Any, counts: str = "changes", frames: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "autocast": False})
        self.counts = one_of("counts", counts, COUNTS)
        self.frames = whole_or_none("frames", frames, 1)
        self.supports_jit = False
        self.operation_sparsity = OperationSparsity(f"{self.name}_operation_sparsity")

    def build(self, inputs_shape: Any, **kwargs: Any) -> None:
        """Make the weights."""
        super().build(inputs_shape)

    def call(self, inputs: Any, step: Any) -> Any:
        """Multiply whole numbers."""
        step = tf.stop_gradient(step)
        scale, share = tensor_scale(step)
        codes, weight_scales = self.weight_codes(scale, share)
        levels = inputs / self.by_feature(step, inputs)
        levels = straight_through(levels, round_half_away(levels))
        self.count(levels)
        products = self.multiply(levels, codes)
        products = straight_through(products, tf.round(products))
        bias = tf.convert_to_tensor(self.bias)
        whole, bias_scales = bias_codes(bias, scale, weight_scales)
        rounded = tf.cast(whole, tf.float32) * (scale * bias_scales)
        outputs = products * (scale * weight_scales) + straight_through(bias, rounded)
        return outputs, Sums(tf.cast(products, tf.int64), bias, scale, weight_scales)

    @staticmethod
    def by_feature(step: Any, inputs: Any) -> Any:
        """The step of every feature: a flattened map has its channels' steps in turn."""
        return tf.tile(step, (inputs.shape[-1] // step.shape[0],)) if step.shape.rank else step

    def weight_codes(self, scale: Any, share: Any) -> tuple[Any, Any]:
        """int8 codes of the weights as floats, in the kernel's shape, and their scales (outputs,).

        Weights so small that the bias does not fit into an accumulator of their scale are zero.

        Args:
            scale: Of the inputs.
            share: What the steps of the input channels differ by, () or (channels,).
        """
        kernel = self.flat_kernel()
        if share.shape.rank:
            kernel = kernel * self.share_factor(share, kernel)
        largest = tf.stop_gradient(tf.reduce_max(tf.abs(kernel), axis=0))
        scales = snap(tf.maximum(largest, DEAD) / WEIGHT_LEVELS)
        fits = tf.abs(tf.convert_to_tensor(self.bias)) / scale / scales < 0.99 * BIAS_LIMIT
        alive = (largest >= DEAD) & tf.stop_gradient(fits)
        scales = tf.where(alive, scales, tf.constant(DEAD_SCALE, tf.float32))
        codes = kernel / scales
        codes = straight_through(codes, tf.where(alive, round_half_away(codes), tf.zeros_like(codes)))
        return self.unflatten(codes), scales

    def count(self, levels: Any) -> None:
        """Count MACs, issued and all."""
        self.operation_sparsity.count(
            operands(levels, self.counts, self.frames, 0), self.reach(levels.shape), self.fan()
        )

    def macs(self, inputs_shape: Any) -> int:
        """All MACs of one frame, taps in the padding left out."""
        return int(np.sum(self.reach(inputs_shape))) * inputs_shape[-1] * self.fan()

    def compute_output_spec(self, inputs: Any, step: Any) -> Any:
        """Real values, and the accumulators with their scales."""
        shape = self.compute_output_shape(tuple(inputs.shape))
        return keras.KerasTensor(shape, "float32"), Sums(
            keras.KerasTensor(shape, "int64"),
            keras.KerasTensor((shape[-1],), "float32"),
            keras.KerasTensor((), "float32"),
            keras.KerasTensor((shape[-1],), "float32"),
        )

    def get_config(self) -> dict[str, Any]:
        """As the Keras layer, and what to count."""
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "counts": self.counts, "frames": self.frames}

    def flat_kernel(self) -> Any:
        """The kernel as (inputs, outputs): taps and input channels, output channels."""
        return tf.reshape(self.kernel, (-1, self.kernel.shape[-1]))

    def unflatten(self, codes: Any) -> Any:
        """:meth:`flat_kernel` undone."""
        return tf.reshape(codes, self.kernel.shape)

    def share_factor(self, share: Any, kernel: Any) -> Any:
        """``share`` (channels,) as a factor of the flat kernel: for every row its input channel's."""
        return tf.tile(share, (kernel.shape[0] // share.shape[0],))[:, tf.newaxis]


@keras.saving.register_keras_serializable("stillframe")
class QuantisedConv2D(MacLayer, keras.layers.Conv2D):
    """A convolution; arguments as :class:`MacLayer` and ``keras.layers.Conv2D``, without activation."""

    def multiply(self, levels: Any, codes: Any) -> Any:
        """Sums of products."""
        return self.convolution_op(levels, codes)

    def reach(self, shape: Any) -> Any:
        """How many output pixels read each input pixel, (height, width)."""
        return reach(tuple(shape[1:3]), self.kernel_size, self.strides, self.dilation_rate, self.padding)

    def fan(self) -> int:
        """MACs for each of these."""
        return self.filters // self.groups

    def share_factor(self, share: Any, kernel: Any) -> Any:
        """``share`` (channels,) as a factor of the flat kernel: an output reads its group's channels."""
        by_output = tf.repeat(tf.reshape(share, (self.groups, -1)), self.filters // self.groups, axis=0)
        return tf.tile(tf.transpose(by_output), (kernel.shape[0] // by_output.shape[1], 1))


@keras.saving.register_keras_serializable("stillframe")
class QuantisedDepthwiseConv2D(MacLayer, keras.layers.DepthwiseConv2D):
    """A depthwise convolution; arguments as ``keras.layers.DepthwiseConv2D``, without activation."""

    def multiply(self, levels: Any, codes: Any) -> Any:
        """Sums of products."""
        return keras.ops.depthwise_conv(
            levels, codes, self.strides, self.padding, self.data_format, self.dilation_rate
        )

    def reach(self, shape: Any) -> Any:
        """How many output pixels read each input pixel, (height, width)."""
        return reach(tuple(shape[1:3]), self.kernel_size, self.strides, self.dilation_rate, self.padding)

    def fan(self) -> int:
        """MACs for each of these."""
        return self.depth_multiplier

    def flat_kernel(self) -> Any:
        """(taps, outputs): every output has its own input channel."""
        return tf.reshape(self.kernel, (-1, self.kernel.shape[-2] * self.depth_multiplier))

    def share_factor(self, share: Any, kernel: Any) -> Any:
        """``share`` (channels,) as a factor of the flat kernel: for every column its input channel's."""
        return tf.repeat(share, self.depth_multiplier)[tf.newaxis]


@keras.saving.register_keras_serializable("stillframe")
class QuantisedDense(MacLayer, keras.layers.Dense):
    """A dense layer; arguments as :class:`MacLayer` and ``keras.layers.Dense``, without activation."""

    def multiply(self, levels: Any, codes: Any) -> Any:
        """Sums of products."""
        return tf.tensordot(levels, codes, axes=1)

    def reach(self, shape: Any) -> Any:
        """Once, whatever the axes between batch and features."""
        return np.ones([int(n) for n in shape[1:-1]], np.int64)

    def fan(self) -> int:
        """MACs for each feature."""
        return self.units
