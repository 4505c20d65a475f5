"""The stages of a network: activations of one resolution, and the MACs that read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stillframe.train import DeltaActivation, LayerSparsity

HEAD = "head"


@dataclass(frozen=True)
class NetworkStage:
    """Activations of one resolution, in the paper's names: ``input``, ``conv1``, ``conv2``, ..., ``head``.

    Attributes:
        name: ``input``, ``conv`` and the resolution's number, or ``head`` behind the last pooling.
        height, width: Of the activations.
        activations: Names of their Delta Activation Layers.
        readers: Names of the MAC layers whose operands they are.
    """

    name: str
    height: int
    width: int
    activations: tuple[str, ...]
    readers: tuple[str, ...]


def network_stages(model: Any) -> list[NetworkStage]:
    """Sort a model's layers into stages.

    In ResNet-50 conv1 is 112 x 112 and conv5 7 x 7, as He et al. (arXiv 1512.03385, table 1) call them.

    Args:
        model: From ``sparsify``, with maps of known size.
    """
    shapes: dict[str, tuple[int, int]] = {}
    readers: dict[str, list[str]] = {}
    for layer in model.layers:
        if isinstance(layer, DeltaActivation):
            if layer.mode != "sigma":
                shape = layer._inbound_nodes[0].input_tensors[0].shape
                shapes[layer.name] = (shape[1], shape[2]) if len(shape) == 4 else (1, 1)
                readers.setdefault(layer.name, [])
        elif hasattr(layer, "operation_sparsity"):
            readers.setdefault(_operand(layer), []).append(layer.name)
    (first, *_) = shapes  # layers are in topological order: the input's comes first
    sizes = list(dict.fromkeys(size for name, size in shapes.items() if name != first))
    maps = [size for size in sizes if size != (1, 1)]
    stages = [NetworkStage("input", *shapes[first], (first,), tuple(readers[first]))]
    for size in sizes:
        name = f"conv{maps.index(size) + 1}" if size in maps else HEAD
        inside = tuple(n for n, s in shapes.items() if s == size and n != first)
        stages.append(NetworkStage(name, *size, inside, tuple(r for n in inside for r in readers[n])))
    return stages


def _operand(layer: Any) -> str:
    """Name of the Delta Activation Layer whose levels a MAC layer multiplies; pooling may lie between."""
    while not isinstance(layer, DeltaActivation):
        layer = layer._inbound_nodes[0].input_tensors[0]._keras_history.operation
    return str(layer.name)


def rows_of(names: Iterable[str], counts: dict[str, LayerSparsity]) -> list[LayerSparsity]:
    """Rows by name."""
    return [counts[name] for name in names]
