"""Walking through a Keras model's graph, to make another one of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

Apply = Callable[..., Any]


def rebuild(model: Any, inputs: list[Any], apply: Apply) -> list[Any]:
    """Go through a model's layers in order and apply something else instead of each.

    Args:
        model: Functional or Sequential. Such models inside of it are gone through as well.
        inputs: Stand for the model's inputs.
        apply: Called as ``apply(layer, *args, **kwargs)`` with what stands for the layer's arguments; gives
            what stands for its outputs.

    Returns:
        What stands for the model's outputs.

    Raises:
        ValueError: The model is neither Functional nor Sequential, or uses a layer twice.
    """
    _check(model)
    seen: set[int] = set()

    def visit(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if id(layer) in seen:
            raise ValueError(
                "Expected a model that uses each of its layers once. "
                f"Received: layer {layer.name} used several times. Give each use a layer of its own."
            )
        seen.add(id(layer))
        if isinstance(layer, keras.Model):
            inside = rebuild(layer, keras.tree.flatten(args), apply)
            return inside[0] if len(inside) == 1 else inside
        return apply(layer, *args, **kwargs)

    # Keras has no public way to go through a graph and flatten nested models; clone_model does it like this.
    functional = keras.Model(model.inputs, model.outputs)
    return keras.tree.flatten(functional._run_through_graph(inputs, call_fn=visit))


def is_only_reader(layer: Any, model: Any) -> bool:
    """Whether nothing else in a model reads the tensor that a layer of it reads."""
    x = layer._inbound_nodes[-1].input_tensors[0]
    members = {id(member) for member in model._flatten_layers()}
    operations = {id(node.operation) for node in x._keras_history.operation._outbound_nodes}
    return len(operations & members) == 1 and not any(x is y for y in model.outputs)


def fresh_inputs(model: Any) -> list[Any]:
    """New float32 inputs of the shapes and names of a model's."""
    _check(model)
    return [keras.Input(batch_shape=x.shape, name=x.name) for x in model.inputs]


def connect(inputs: list[Any], outputs: list[Any], name: str | None = None) -> Any:
    """A Functional model; a single input or output is not in a list."""
    return keras.Model(*(x[0] if len(x) == 1 else x for x in (inputs, outputs)), name=name)


def _check(model: Any) -> None:
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None) or not model.built:
        raise ValueError(
            "Expected a built Functional or Sequential model. "
            f"Received: {type(model).__name__}. Build it with keras.Model(inputs, outputs), "
            "or put DeltaActivation layers into a subclassed model by hand."
        )
