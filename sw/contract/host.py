"""What of a model runs beside the array: parts for TFLite's interpreter, and who computes which layer.

A model whose first or last layers the array cannot do is cut into a *head*, the device's layers and a *tail*.
Head and tail are models of their own that TFLite's reference kernels run on the host, before and behind
the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar


@dataclass(frozen=True)
class HostTensor:
    """What goes into a host part or comes out of it, of one frame.

    Attributes:
        name: Name in the model.
        shape: Without the batch dimension, if the model has one of 1.
        dtype: As numpy calls it: ``int8``, ``uint8``, ``float32``, ...
        scale, zero_point: Quantisation; 1 and 0 where there is none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 1.0
    zero_point: int = 0


@dataclass(frozen=True)
class HostPart:
    """A head or a tail.

    Attributes:
        tflite: Content of its own ``.tflite`` file.
        inputs, outputs: In that file's order. A head takes the model's input and gives the device's; a tail
            takes outputs of the device, by name, and gives outputs of the model.
    """

    tflite: bytes = field(repr=False)
    inputs: tuple[HostTensor, ...]
    outputs: tuple[HostTensor, ...]

    def as_dict(self) -> dict[str, Any]:
        """All but the content, as JSON values; its length instead."""
        return {
            "bytes": len(self.tflite),
            "inputs": [vars(tensor) for tensor in self.inputs],
            "outputs": [vars(tensor) for tensor in self.outputs],
        }

    @classmethod
    def from_dict(cls, described: dict[str, Any], tflite: bytes) -> HostPart:
        """The part that :meth:`as_dict` described, with its content."""

        def tensors(entries: list[dict[str, Any]]) -> tuple[HostTensor, ...]:
            return tuple(HostTensor(**entry | {"shape": tuple(entry["shape"])}) for entry in entries)

        return cls(tflite, tensors(described["inputs"]), tensors(described["outputs"]))


class Named(Protocol):
    """What has a name in the model."""

    @property
    def name(self) -> str: ...


Output = TypeVar("Output", bound=Named)


def in_order(
    outputs: Sequence[Output], tail: HostPart | None, order: Sequence[str]
) -> tuple[Output | HostTensor, ...]:
    """The model's outputs in its order: the device's ``outputs`` that are the model's, and the tail's."""
    if not tail:
        return tuple(outputs)
    by_name: dict[str, Output | HostTensor] = {output.name: output for output in outputs}
    by_name |= {tensor.name: tensor for tensor in tail.outputs}
    return tuple(by_name[name] for name in order)


@dataclass(frozen=True)
class Assignment:
    """Where an operator of the model runs.

    Attributes:
        layer: Name of the layer, as in messages.
        op: The operator, as TFLite calls it.
        host: False: the array computes it (or it costs nothing there). True: the host does.
        why: For the host: the reason in words, or how the host does it.
    """

    layer: str
    op: str
    host: bool = False
    why: str = ""
