"""Where Delta Activation Layers belong in a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from .delta_activation import DeltaActivation
from .folding import fold_into
from .layers import (
    AT_THE_END,
    ELEMENTWISE,
    FLOAT32,
    MAC_LAYERS,
    RESHAPING,
    activation_name,
    again,
    copy_weights,
)
from .mac_layers import MacLayer, QuantisedDense
from .setups import Setup
from .walk import connect, fresh_inputs, is_only_reader, rebuild

BITS = 8


@dataclass
class Placed:
    """A Delta Activation Layer in the new graph.

    Attributes:
        layer: It.
        elements: Of its tensor, in one frame.
        macs: Of the layers that read it.
        between_macs: Whether its values come from a MAC layer, nothing but MAC layers reads them, and they
            have no ceiling: then steps by channel can go into the weights on both sides.
        is_output: Whether its mode is ``sigma``.
    """

    layer: DeltaActivation
    elements: int
    macs: int = 0
    between_macs: bool = False
    is_output: bool = False


@dataclass
class Known:
    """What is known of a tensor of the new graph.

    Attributes:
        sums: Those of the MAC layer it comes from, if nothing but ReLU lies between.
        producer: That layer.
        not_negative: Whether a ReLU lies behind.
        ceiling: Where the ReLU ends.
        final: Whether it is the result of an activation of outputs.
        step: Of its levels, if it is rounded.
        placed: What rounded it.
        rounded: The rounded tensor, if there is one already.
    """

    sums: Any = None
    producer: MacLayer | None = None
    not_negative: bool = False
    ceiling: float | None = None
    final: bool = False
    step: Any = None
    placed: Placed | None = None
    rounded: Any = None


@dataclass
class Builder:
    """Makes the new graph; with ``probe``, the old one, with the tensors to be rounded as its outputs.

    Tensors are rounded when something that needs integers asks for them: then a batch norm or an activation
    between a MAC layer and its readers is behind it without being looked for.
    """

    setup: Setup
    options: dict[str, Any]
    fold: bool
    signed_input: bool = False
    by_channel: frozenset[str] = frozenset()
    probe: bool = False
    placed: list[Placed] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)
    tensors: list[Any] = field(default_factory=list)

    def build(self, model: Any) -> Any:
        """The model."""
        self.model = model
        inputs = fresh_inputs(model)
        self.known.update({id(x): Known() for x in inputs})
        self.inputs = {id(x) for x in inputs}
        outputs = [self.output(x) for x in rebuild(model, inputs, self.apply)]
        if self.probe:
            return connect(inputs, self.tensors)
        return connect(inputs, outputs, name=model.name)

    def between_macs(self) -> frozenset[str]:
        """Names of the layers that can have a step by channel."""
        return frozenset(placed.layer.name for placed in self.placed if placed.between_macs)

    def set_penalties(self, penalty: float) -> None:
        """Weight the layers by the share of the network's MACs that an element causes."""
        total = sum(layer.macs for layer in self.placed)
        for placed in self.placed:
            placed.layer.fan_out = max(placed.macs / placed.elements / max(total, 1), 1e-12)
            placed.layer.penalty = 0.0 if placed.is_output else penalty

    def apply(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """What stands for a layer in the new graph."""
        if getattr(layer, "data_format", "channels_last") == "channels_first":
            raise ValueError(
                "Expected layers with channels last. "
                f"Received: layer {layer.name} with data_format='channels_first'."
            )
        if kind := next((MAC_LAYERS[t] for t in MAC_LAYERS if type(layer) is t), None):
            return self.mac(layer, kind, args[0])
        if isinstance(layer, keras.layers.BatchNormalization):
            return self.batch_norm(layer, args[0])
        if isinstance(layer, keras.layers.Activation | keras.layers.ReLU | keras.layers.Softmax):
            return self.activation(layer, args[0])
        if isinstance(layer, RESHAPING) and getattr(layer, "interpolation", "nearest") == "nearest":
            return self.reshaped(layer, args[0])
        if isinstance(layer, ELEMENTWISE):
            return self.plain(layer, *args)
        return self.other(layer, *args, **kwargs)

    def mac(self, layer: Any, kind: type[MacLayer], x: Any) -> Any:
        """A MAC layer on rounded inputs, and its activation behind it."""
        x, known = self.rounded(x)
        assert known.placed is not None
        config = {**layer.get_config(), "activation": None, "dtype": FLOAT32}
        if self.probe:
            new = type(layer).from_config(config)
            y = new(x)
            copy_weights(layer, new)
            self.known[id(y)] = Known()
        else:
            new = kind.from_config({**config, "use_bias": True})
            new.counts, new.frames = known.placed.layer.counts, self.options["frames"]
            y, sums = new(x, step=known.step)
            copy_weights(layer, new)
            known.placed.macs += new.macs(x.shape)
            self.known[id(y)] = Known(sums=sums, producer=new)
        if layer.activation is not keras.activations.linear:
            name = f"{layer.name}_{getattr(layer.activation, '__name__', 'activation')}"
            return self.activation(keras.layers.Activation(layer.activation, name=name), y)
        return y

    def batch_norm(self, layer: Any, x: Any) -> Any:
        """Folded into the MAC layer before, or left."""
        known = self.known[id(x)]
        if self.fold and known.producer is not None and not known.not_negative and known.step is None:
            if not is_only_reader(layer, self.model):
                raise ValueError(
                    "Expected a batch norm to be the only reader of the layer before it, to fold it in. "
                    f"Received: {layer.name} behind {known.producer.name}, which others read too. "
                    "Use fold_batch_norm=False."
                )
            fold_into(known.producer, layer)
            return x
        return self.plain(layer, x)

    def activation(self, layer: Any, x: Any) -> Any:
        """ReLU keeps the sums; softmax and sigmoid are behind the last rounding; others are new values."""
        name = activation_name(layer)
        known = self.known[id(x)]
        if name == "linear":
            return x
        if name in AT_THE_END:
            x = self.output(x)
            y = again(layer)(x)
            self.known[id(y)] = Known(final=True)
            return y
        y = again(layer)(x)
        ceiling = {"relu": None, "relu6": 6.0}
        if name in ceiling and known.step is None:
            self.known[id(y)] = Known(known.sums, known.producer, True, ceiling[name])
        else:
            self.known[id(y)] = Known(not_negative=name in ceiling)
        return y

    def reshaped(self, layer: Any, x: Any) -> Any:
        """A layer that moves levels about."""
        x, known = self.rounded(x)
        if isinstance(layer, keras.layers.Reshape) and known.placed:
            known.placed.between_macs = False
        y = again(layer)(x)
        self.known[id(y)] = Known(step=known.step, placed=known.placed, not_negative=known.not_negative)
        return y

    def other(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Adds, average pools and the like: rounded inputs, new values."""
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(
                "Expected a model made of Keras layers. "
                f"Received: operation {layer.name}. Use the layer of that kind (for example layers.Add)."
            )

        def operand(x: Any) -> Any:
            if id(x) not in self.known:
                return x
            x, known = self.rounded(x)
            if known.placed:
                known.placed.between_macs = False
            return x

        args, kwargs = keras.tree.map_structure(operand, (args, kwargs))
        return self.plain(layer, *args, **kwargs)

    def plain(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """A layer as it is; its outputs are values."""
        new = again(layer)
        outputs = new(*args, **kwargs)
        copy_weights(layer, new)
        for y in keras.tree.flatten(outputs):
            self.known[id(y)] = Known()
        return outputs

    def rounded(self, x: Any, is_output: bool = False) -> tuple[Any, Known]:
        """The tensor rounded by a Delta Activation Layer, one for all readers."""
        known = self.known[id(x)]
        if known.step is not None:
            return x, known
        if known.rounded is None:
            known.rounded = self.place(x, known, is_output)
        return known.rounded, self.known[id(known.rounded)]

    def place(self, x: Any, known: Known, is_output: bool) -> Any:
        """A new Delta Activation Layer on a tensor."""
        is_input = id(x) in self.inputs
        origin = x._keras_history.operation.name
        name = f"{origin}_output" if is_output else f"{origin}_delta"
        layer = DeltaActivation(
            mode="delta" if is_input else "sigma" if is_output else "sigma-delta",
            counts=self.setup.input_counts if is_input else self.setup.counts,
            signed=self.signed_input if is_input else not known.not_negative,
            ceiling=known.ceiling,
            per_channel=name in self.by_channel,
            return_step=True,
            round_once=isinstance(known.producer, QuantisedDense),
            dtype=FLOAT32,
            name=name,
            **self.options,
        )
        placed = Placed(
            layer,
            elements=int(np.prod([n or 1 for n in x.shape[1:]])),
            between_macs=known.sums is not None and known.ceiling is None,
            is_output=is_output,
        )
        self.placed.append(placed)
        if self.probe:
            self.tensors.append(x)
            y = keras.layers.Identity(name=name)(x)
            self.known[id(y)] = Known(step=1.0, placed=placed, not_negative=known.not_negative)
            return y
        y, step = layer(x) if known.sums is None else layer(x, sums=known.sums)
        self.known[id(y)] = Known(step=step, placed=placed, not_negative=known.not_negative)
        return y

    def output(self, x: Any) -> Any:
        """An output of the network: rounded, so that it has codes, but nobody's operand."""
        if self.known[id(x)].final:
            return x
        y, known = self.rounded(x, is_output=True)
        if known.placed:
            known.placed.between_macs = False
        return y
