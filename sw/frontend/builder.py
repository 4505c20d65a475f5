"""The graph being built: its device tensors and nodes, and what each TFLite tensor is among them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from stillframe.contract import StillframeError

from .errors import UnsupportedError
from .flatbuffer import RawModel, RawTensor
from .graph import GraphInput, Node, Tensor
from .shapes import shape_text


@dataclass(frozen=True)
class Value:
    """What a TFLite tensor is here: a device tensor under a shape, perhaps behind operators of the host.

    So a reshape costs nothing, and a host operator in the middle of the network is found where its result is
    needed on the device.

    Attributes:
        tensor: Index of the device tensor; None for the model's input while only the host has touched it.
        shape: The shape that the model sees, without the batch.
        host_ops: Operators that the host applies to get it, in order.
        host_layer: The last of them, for messages.
    """

    tensor: int | None
    shape: tuple[int, ...]
    host_ops: tuple[dict[str, Any], ...] = ()
    host_layer: str = ""


RETRACED = "_1"
"""What TensorFlow appends to the name of a Keras layer when it traces it for the converter."""


def layer_name(names: Collection[str], layers: Collection[str] = ()) -> str:
    """The Keras layer in the names of its tensors: ``net/conv1/BiasAdd;net/conv1/add`` is ``conv1``.

    Args:
        names: Names of the tensors, the most telling first.
        layers: Names of the model's layers where they are known.
    """
    paths = [part.split("/") for name in names for part in name.split(";")]
    for path in paths:
        for part in reversed(path):
            if part.removesuffix(RETRACED) in layers:
                return part.removesuffix(RETRACED)
    return paths[0][-2] if len(paths[0]) > 1 else paths[0][0]


def unique(name: str, taken: Collection[str]) -> str:
    """``name``, or the first of ``name_2``, ``name_3``, ... that is not taken."""
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    return candidate


@dataclass
class GraphBuilder:
    """Device tensors, nodes and values so far.

    Attributes:
        raw: The file's content.
        source: What messages call the file.
        layers: Names of Keras layers to look for in the names of tensors.
        start: The TFLite tensor that reading begins with; the model's input if None.
        values: By TFLite tensor.
        entered: The TFLite tensor in which frames arrive on the device.
    """

    raw: RawModel
    source: str
    layers: Collection[str] = ()
    start: int | None = None
    values: dict[int, Value] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    input: GraphInput | None = None
    entered: int | None = None

    def __post_init__(self) -> None:
        if len(self.raw.inputs) != 1:
            names = ", ".join(repr(self.raw.tensors[i].name) for i in self.raw.inputs) or "none"
            raise StillframeError(
                f"{self.source}: expected one input, got {len(self.raw.inputs)} ({names})",
                "split the model, or stack its inputs into the channels of one",
            )
        raw = self.raw.tensors[self.raw.inputs[0] if self.start is None else self.start]
        self.values[raw.index] = Value(None, self.without_batch(raw, f"{self.source}: input {raw.name!r}"))

    @contextmanager
    def undone_if_unsupported(self) -> Iterator[None]:
        """Let an :class:`UnsupportedError` in the body leave nothing behind of what it added."""
        values, sizes = dict(self.values), (len(self.tensors), len(self.nodes))
        entry = (self.input, self.entered)
        try:
            yield
        except UnsupportedError:
            self.values = values
            del self.tensors[sizes[0] :], self.nodes[sizes[1] :]
            self.input, self.entered = entry
            raise

    def without_batch(self, raw: RawTensor, where: str) -> tuple[int, ...]:
        """The tensor's shape of one frame; ``where`` begins the message if the batch is not 1."""
        if len(raw.shape) < 2 or raw.shape[0] != 1:
            raise UnsupportedError(
                f"{where}: expected a shape with batch 1, got {shape_text(raw.shape)}",
                "convert the model with a batch of 1",
            )
        if min(raw.shape) < 1:
            raise UnsupportedError(
                f"{where}: expected dimensions of 1 and more, got {shape_text(raw.shape)}",
                "convert the model with a fixed input shape",
            )
        return raw.shape[1:]
