"""Batch norms of a network that was trained with them, folded afterwards."""

from __future__ import annotations

from typing import Any

import keras

from .delta_activation import DeltaActivation
from .folding import fold_into
from .layers import again, copy_weights, is_relu
from .mac_layers import MacLayer, QuantisedDense
from .walk import connect, fresh_inputs, is_only_reader, rebuild


def fold_batch_norm(model: Any) -> Any:
    """Put the batch norms of a model from ``sparsify(..., fold_batch_norm=False)`` into its weights.

    The weights are rounded anew, so outputs change a little; refine once more if that matters.

    Args:
        model: From :func:`~stillframe.train.sparsify`.

    Returns:
        A Functional model with the same steps whose codes are those of the accelerator.

    Raises:
        ValueError: A batch norm is not the only reader of the layer before it.
    """
    sums: dict[int, tuple[MacLayer, Any]] = {}

    def apply(layer: Any, *args: Any, **kwargs: Any) -> Any:
        source = sums.get(id(args[0]))
        if isinstance(layer, keras.layers.BatchNormalization) and source:
            if not is_only_reader(layer, model):
                raise ValueError(
                    "Expected a batch norm to be the only reader of the layer before it, to fold it in. "
                    f"Received: {layer.name} behind {source[0].name}, which others read too."
                )
            fold_into(source[0], layer)
            return args[0]
        new = again(layer)
        if isinstance(layer, DeltaActivation) and source:
            new.round_once = isinstance(source[0], QuantisedDense)
            kwargs["sums"] = source[1]
        outputs = new(*args, **kwargs)
        copy_weights(layer, new)
        if isinstance(layer, MacLayer):
            sums[id(outputs[0])] = new, outputs[1]
        elif source and is_relu(layer):
            sums[id(outputs)] = source
        return outputs

    inputs = fresh_inputs(model)
    return connect(inputs, rebuild(model, inputs, apply), name=model.name)
