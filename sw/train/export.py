"""From the trained model to the plain network that TensorFlow's converter turns into int8."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from stillframe.frontend.fixed_scale import FixedScale

from .delta_activation import DeltaActivation
from .layers import FLOAT32, MAC_LAYERS, again, copy_weights
from .mac_layers import MacLayer
from .rescale import Sums, for_output_step
from .steps import tensor_scale
from .walk import connect, fresh_inputs, rebuild


def export(model: Any) -> Any:
    """Make a plain Keras network of a trained one, with the learned steps as the scales of its tensors.

    Delta Activation Layers become :class:`~stillframe.frontend.fixed_scale.FixedScale`, MAC layers plain ones
    whose weights are the rounded ones. A tensor of int8 has one scale: steps by channel go into the weights
    and biases on both sides. TensorFlow's converter then finds exactly the codes and scales of training.

    Args:
        model: From :func:`~stillframe.train.sparsify`, batch norms folded.

    Returns:
        A Functional model, for ``model.save``, :func:`stillframe.frontend.from_keras` or the command line.

    Raises:
        ValueError: The model has no Delta Activation Layers, or a batch norm between a MAC layer and one.
    """
    if not any(isinstance(layer, DeltaActivation) for layer in model.layers):
        raise ValueError(
            "Expected a model with Delta Activation Layers, from stillframe.train.sparsify. "
            f"Received: model {model.name} without any."
        )
    exporter = Exporter()
    inputs = fresh_inputs(model)
    return connect(inputs, rebuild(model, inputs, exporter.apply), name=model.name)


class Exporter:
    """Replaces layers one by one, in the order of the graph.

    Attributes:
        steps: Of rounded tensors, by the tensor's id: float32 () or (channels,).
        producers: Of tensors not rounded yet: the old MAC layer, the new one, the step of its input.
    """

    def __init__(self) -> None:
        self.steps: dict[int, Any] = {}
        self.producers: dict[int, tuple[MacLayer, Any, Any]] = {}

    def apply(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """What stands for a layer in the plain network."""
        if isinstance(layer, MacLayer):
            return self.mac(layer, args[0])
        if isinstance(layer, DeltaActivation):
            return self.delta(layer, args[0])
        if isinstance(layer, keras.layers.BatchNormalization) and id(args[0]) in self.producers:
            raise ValueError(
                "Expected batch norms folded into the layers before them. "
                f"Received: {layer.name} behind {self.producers[id(args[0])][0].name}. "
                "Use stillframe.train.fold_batch_norm(model) first, and refine once more if it cost accuracy."
            )
        new = again(layer)
        y = new(*args, **kwargs)
        copy_weights(layer, new)
        x = args[0]
        if id(x) in self.steps:
            self.steps[id(y)] = self.steps[id(x)]
        if id(x) in self.producers:
            self.producers[id(y)] = self.producers[id(x)]
        return y

    def mac(self, layer: MacLayer, x: Any) -> Any:
        """A plain MAC layer with rounded weights."""
        (kind,) = (plain for plain, quantised in MAC_LAYERS.items() if isinstance(layer, quantised))
        config = layer.get_config()
        new = kind.from_config({k: v for k, v in config.items() if k not in ("counts", "frames")})
        y = new(x)
        set_weights(layer, new, self.steps[id(x)], None)
        self.producers[id(y)] = layer, new, self.steps[id(x)]
        return y, Sums(y, y, y, y)

    def delta(self, layer: DeltaActivation, x: Any) -> Any:
        """A tensor of fixed scale; steps by channel go into the weights of the layer before."""
        step = layer.steps
        if id(x) in self.producers:
            old, new, input_step = self.producers[id(x)]
            set_weights(old, new, input_step, step)
        elif step.shape.rank:
            raise ValueError(
                "Expected a step by channel behind a MAC layer. "
                f"Received: layer {layer.name} behind something else. Use per_channel=False for it."
            )
        scale, _ = tensor_scale(step)
        y = FixedScale(float(scale), layer.signed, dtype=FLOAT32, name=layer.name)(x)
        self.steps[id(y)] = step
        return (y, y) if layer.return_step else y


def set_weights(old: MacLayer, new: Any, input_step: Any, output_step: Any) -> None:
    """Give a plain layer the rounded weights and bias, scaled for the steps on both sides."""
    scale, share = tensor_scale(input_step)
    codes, scales = old.weight_codes(scale, share)
    bias = tf.convert_to_tensor(old.bias)
    if output_step is not None:
        scales, bias = for_output_step(scales, bias, output_step)
    by_output = scales
    if isinstance(new, keras.layers.DepthwiseConv2D):
        by_output = tf.reshape(scales, new.kernel.shape[-2:])
    new.kernel.assign(codes * by_output)
    new.bias.assign(bias)
