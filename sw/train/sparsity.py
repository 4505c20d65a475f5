"""What a model's layers have counted, and the switches that all of its layers share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .arguments import positive, whole_or_none
from .delta_activation import DeltaActivation
from .mac_layers import MacLayer


@dataclass(frozen=True)
class LayerSparsity:
    """Counts of a layer since the last reset, each clip's first frame left out.

    Attributes:
        name: Of the layer.
        kind: ``mac`` or ``activation``.
        macs_dense, macs_issued: All MACs, and those whose activation operand is not zero.
        elements, sent: All activations, and those that are not zero: that changed, or values.
    """

    name: str
    kind: str
    macs_dense: int = 0
    macs_issued: int = 0
    elements: int = 0
    sent: int = 0

    @property
    def operation_sparsity(self) -> float:
        """Share of MACs whose activation operand is zero; 0 if there are none."""
        return 1 - self.macs_issued / self.macs_dense if self.macs_dense else 0.0

    @property
    def activation_sparsity(self) -> float:
        """Share of activations that are zero; 0 if there are none."""
        return 1 - self.sent / self.elements if self.elements else 0.0


def sparsity(model: Any) -> list[LayerSparsity]:
    """Counts of all layers, in the model's order, over all passes since ``model.reset_metrics()``."""
    rows = []
    for layer in _layers(model):
        if isinstance(layer, MacLayer):
            share = layer.operation_sparsity
            rows.append(
                LayerSparsity(layer.name, "mac", macs_dense=int(share.whole), macs_issued=int(share.part))
            )
        elif isinstance(layer, DeltaActivation) and layer.mode != "sigma":
            share = layer.activation_sparsity
            rows.append(
                LayerSparsity(layer.name, "activation", elements=int(share.whole), sent=int(share.part))
            )
    return rows


def total(rows: Iterable[LayerSparsity]) -> LayerSparsity:
    """The sum of rows."""
    rows = list(rows)
    return LayerSparsity(
        "total",
        "total",
        macs_dense=sum(row.macs_dense for row in rows),
        macs_issued=sum(row.macs_issued for row in rows),
        elements=sum(row.elements for row in rows),
        sent=sum(row.sent for row in rows),
    )


def set_clip(model: Any, frames: int | None) -> None:
    """Say how many frames of a batch make a clip; None: the whole batch.

    Raises:
        ValueError: ``frames`` is no such number.
    """
    whole_or_none("frames", frames, 1)
    for layer in _layers(model):
        layer.frames = frames
    _trace_again(model)


def set_penalty(model: Any, penalty: float) -> None:
    """Change the weight of the sparsity loss.

    Raises:
        ValueError: It is negative or no number.
    """
    positive("penalty", penalty, or_zero=True)
    for layer in _layers(model):
        if isinstance(layer, DeltaActivation) and layer.mode != "sigma":
            layer.penalty = penalty
    _trace_again(model)


def _layers(model: Any) -> Iterator[Any]:
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, MacLayer | DeltaActivation):
            yield layer


def _trace_again(model: Any) -> None:
    """Functions that Keras has compiled have the old values in them."""
    model.train_function = model.test_function = model.predict_function = None
