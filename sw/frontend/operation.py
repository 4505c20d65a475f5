"""One operator of the file on its way into the graph: what operator handlers read from and add to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError

from .builder import GraphBuilder, Value, layer_name, unique
from .errors import UnsupportedError
from .flatbuffer import RawOperator, RawTensor
from .graph import GraphInput, Node, Tensor
from .shapes import map_shape, shape_text

INT8_HINT = (
    "give the Keras model instead, or convert with full-integer quantisation (int8 weights and activations)"
)
CONVERT_AGAIN = "convert the model again: the file is damaged"
SMALLEST_SCALE, LARGEST_SCALE = 2.0**-100, 2.0**100


class Operation:
    """One operator of the file on its way into the graph.

    Attributes:
        raw: The operator.
        name: The layer's name in messages and reports.
    """

    def __init__(self, builder: GraphBuilder, raw: RawOperator) -> None:
        self.builder = builder
        self.raw = raw
        # Parameters are named after the layer; an activation at the end may be named after the output only.
        tensors = builder.raw.tensors
        named = [tensors[i].name for i in raw.inputs if i >= 0 and tensors[i].data is not None]
        signature = dict(reversed(builder.raw.output_names))
        named += [
            tensors[i].name if "/" in tensors[i].name else signature.get(i, tensors[i].name)
            for i in raw.outputs
        ]
        self.name = layer_name(named, builder.layers) if named else raw.op

    @property
    def where(self) -> str:
        """How a message about this operator begins."""
        return f"{self.builder.source}: layer {self.name!r} (operator {self.raw.index}, {self.raw.op})"

    def error(self, expected: str, got: str, hint: str) -> StillframeError:
        """The message for this operator, to be raised by the caller.

        Unless the hint is that the file is damaged, the operator is merely not for the array.
        """
        kind = StillframeError if hint == CONVERT_AGAIN else UnsupportedError
        return kind(f"{self.where}: expected {expected}, got {got}", hint)

    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output's frame as the file has it."""
        return self.builder.without_batch(self.output, self.where)

    def tensor(self, position: int) -> RawTensor:
        """Input ``position`` as the file describes it."""
        if not self.has_input(position):
            raise self.error(f"an input {position}", f"{len(self.raw.inputs)} inputs", CONVERT_AGAIN)
        return self.builder.raw.tensors[self.raw.inputs[position]]

    def has_input(self, position: int) -> bool:
        """Whether an optional input is there."""
        return position < len(self.raw.inputs) and self.raw.inputs[position] >= 0

    @property
    def output(self) -> RawTensor:
        """The output as the file describes it."""
        if len(self.raw.outputs) != 1:
            raise self.error("one output", f"{len(self.raw.outputs)}", CONVERT_AGAIN)
        return self.builder.raw.tensors[self.raw.outputs[0]]

    def quantisation(self, raw: RawTensor) -> tuple[float, int]:
        """(scale, zero point) of an int8 activation or of a constant with one scale."""
        if raw.dtype != "INT8":
            raise self.error(f"int8 in tensor {raw.name!r}", raw.dtype.lower(), INT8_HINT)
        return self.scale_and_zero_point(raw)

    def scale_and_zero_point(self, raw: RawTensor) -> tuple[float, int]:
        """(scale, zero point) of a tensor with one scale, of any integer type."""
        if len(raw.scales) != 1:
            got = f"{len(raw.scales)} scales" if len(raw.scales) else "none"
            raise self.error(f"one scale and zero point for tensor {raw.name!r}", got, INT8_HINT)
        scale, zero_point = float(raw.scales[0]), int(raw.zero_points[0])
        low, high = (0, 255) if raw.dtype == "UINT8" else (-128, 127)
        if not (SMALLEST_SCALE <= scale <= LARGEST_SCALE and low <= zero_point <= high):
            raise self.error(
                f"a positive scale and a zero point of {low} to {high} for tensor {raw.name!r}",
                f"{scale} and {zero_point}",
                CONVERT_AGAIN,
            )
        return scale, zero_point

    def value(self, position: int = 0) -> Value:
        """Input ``position`` as an activation, wherever it is."""
        raw = self.tensor(position)
        if raw.index not in self.builder.values:
            origin = "a constant" if raw.data is not None else "a tensor that nothing computes"
            raise self.error(
                f"an activation as input {raw.name!r}",
                f"{origin} ({raw.dtype.lower()})",
                INT8_HINT,
            )
        return self.builder.values[raw.index]

    def is_constant(self, position: int) -> bool:
        """Whether input ``position`` is part of the file, not computed."""
        return self.tensor(position).data is not None

    def device_input(self, position: int = 0) -> int:
        """Input ``position`` as a device tensor, in any shape.

        Raises:
            StillframeError: It is not int8, or only the host has it.
        """
        raw, value = self.tensor(position), self.value(position)
        scale, zero_point = self.quantisation(raw)
        if value.tensor is not None and value.host_ops:
            raise self._host_in_the_middle(value)
        if value.tensor is None:
            self._enter(raw, value, scale, zero_point)
            return 0
        tensor = self.builder.tensors[value.tensor]
        if (tensor.scale, tensor.zero_point) != (scale, zero_point):
            raise self.error(
                f"the quantisation that tensor {raw.name!r} was computed with, "
                f"{tensor.scale} and {tensor.zero_point}",
                f"{scale} and {zero_point}",
                CONVERT_AGAIN,
            )
        return value.tensor

    def map_input(self, position: int = 0) -> int:
        """Input ``position`` as a device tensor in the shape in which the device holds it.

        Raises:
            StillframeError: As :meth:`device_input`, or a reshape has folded the map.
        """
        index = self.device_input(position)
        shape, device = self.value(position).shape, self.builder.tensors[index].shape
        if len(shape) not in (1, 3) or map_shape(shape) != map_shape(device):
            raise self.error(
                f"the {shape_text(device)} map as its producer computes it",
                f"it reshaped to {shape_text(shape)}",
                "take the reshape out of the model, or move it behind the last convolution",
            )
        return index

    def _host_in_the_middle(self, value: Value) -> StillframeError:
        return self.error(
            "an input computed on the device",
            f"the result of {value.host_layer}, which runs on the host",
            "host operators may stand before the first and behind the last device layer only: "
            "take it out, or end the model there",
        )

    def _enter(self, raw: RawTensor, value: Value, scale: float, zero_point: int) -> None:
        """Make ``raw`` the tensor in which frames arrive."""
        if self.builder.input is not None:
            raise self.error(
                "one tensor in which frames arrive on the device",
                f"a second one, {raw.name!r}",
                "let all layers read the model's input behind the same operators",
            )
        if len(value.shape) not in (1, 3):
            raise self.error(
                "frames of height x width x channels, or features alone",
                shape_text(value.shape),
                "give the model an input of one of these shapes",
            )
        self.builder.tensors.append(Tensor(raw.name, value.shape, scale, zero_point))
        name = self.builder.raw.tensors[self.builder.raw.inputs[0]].name
        self.builder.input = GraphInput(name, 0, value.host_ops)
        self.builder.entered = raw.index
        self.builder.values[raw.index] = replace(value, tensor=0, host_ops=(), host_layer="")

    def constant(self, position: int, dtype: str, what: str) -> npt.NDArray[Any]:
        """Input ``position`` as a constant array of the given type."""
        raw = self.tensor(position)
        values = raw.values() if raw.dtype == dtype else None
        if values is None or not values.size:
            state = "constant" if raw.data is not None else "computed"
            raise self.error(
                f"{dtype.lower()} {what} as a constant",
                f"{state} {raw.dtype.lower()} {shape_text(raw.shape)}",
                INT8_HINT,
            )
        return values

    def weight_scales(self, position: int, channels: int, axis: int = 0) -> npt.NDArray[np.float32]:
        """Scales of int8 weights: one, or one an output channel along ``axis``; zero points are 0."""
        raw = self.tensor(position)
        if len(raw.scales) not in (1, channels) or (len(raw.scales) > 1 and raw.axis != axis):
            raise self.error(
                f"one weight scale, or one for each of {channels} output channels",
                f"{len(raw.scales)} along dimension {raw.axis}",
                INT8_HINT,
            )
        if raw.zero_points.any():
            raise self.error(
                "weights with zero point 0", f"{int(raw.zero_points[raw.zero_points != 0][0])}", INT8_HINT
            )
        if not np.all((raw.scales >= 0) & (raw.scales <= LARGEST_SCALE)):
            raise self.error("weight scales of 0 and more", f"{raw.scales.min()}", CONVERT_AGAIN)
        return raw.scales

    def add(self, make: Callable[[str, int], Node], shape: tuple[int, ...]) -> None:
        """Append a node and its output tensor.

        Args:
            make: Gives the node from its name and the index of its output tensor.
            shape: The tensor's shape on the device; the file's must hold as many elements.
        """
        raw, builder = self.output, self.builder
        scale, zero_point = self.quantisation(raw)
        declared = self.output_shape()
        if np.prod(declared, dtype=np.int64) != np.prod(shape, dtype=np.int64):
            raise self.error(f"an output of {shape_text(shape)}", shape_text(declared), CONVERT_AGAIN)
        index = len(builder.tensors)
        builder.tensors.append(Tensor(raw.name, shape, scale, zero_point))
        builder.nodes.append(make(unique(self.name, {node.name for node in builder.nodes}), index))
        builder.values[raw.index] = Value(index, declared)

    def add_host(self, parameters: dict[str, Any]) -> None:
        """Append an operator that the host applies; ``parameters["op"]`` names it."""
        value = self.value()
        host_ops = value.host_ops
        if (
            value.tensor is not None
            and not host_ops
            and value.shape != self.builder.tensors[value.tensor].shape
        ):
            host_ops = ({"op": "RESHAPE", "shape": list(value.shape)},)
        layer = f"{self.raw.op} (operator {self.raw.index})"
        self.builder.values[self.output.index] = replace(
            value, host_ops=(*host_ops, parameters), host_layer=layer
        )

    def alias(self, shape: tuple[int, ...]) -> None:
        """Let the output be input 0 seen under another shape."""
        value = self.value()
        if value.tensor is None and len(shape) == 1 and self.tensor(0).dtype == "INT8":
            self.device_input()  # frames arrive as a map, and a dense layer reads all of it
            value = self.value()
        if value.tensor is None or value.host_ops:
            self.add_host({"op": "RESHAPE", "shape": list(shape)})
            value = self.builder.values[self.output.index]
        self.builder.values[self.output.index] = replace(value, shape=shape)
