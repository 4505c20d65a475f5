"""Reading a file's operators for the device as far as that goes: what is refused, what stands behind it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from .advice import ADVICE, advice
from .builder import GraphBuilder
from .dataflow import Dataflow, Upstream
from .errors import UnsupportedError
from .flatbuffer import RawOperator
from .graph import LINEAR, Conv, DepthwiseConv
from .operation import Operation
from .operators import HANDLERS
from .operators.aborts import check_runs
from .shapes import map_shape


@dataclass
class Reading:
    """The operators behind a tensor, for the device.

    Args:
        flow: The file.
        source: What messages call it.
        layers: Names of Keras layers to look for in the names of tensors.
        start: The tensor that the device's part begins with; None for the model's input.
        last: The operator that the device's part ends with, as far as it leads there; None for all there are.

    Attributes:
        builder: The device's part.
        head: Operators before the tensor in which frames arrive, if ``start`` is given.
        names: Of all operators' layers, as in messages; a node's own for what the device computes.
        reasons: Why the host has an operator behind ``start``, by operator.
        refused: Those of them that do not only stand behind others.
        driver: Operators that take no layer: how the host applies them to the device's input or an output.

    Raises:
        UnsupportedError: ``start`` cannot be an input.
        StillframeError: The file is damaged.
    """

    flow: Dataflow
    source: str
    layers: Collection[str] = ()
    start: int | None = None
    last: int | None = None
    builder: GraphBuilder = field(init=False)
    head: tuple[int, ...] = field(init=False)
    names: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    refused: dict[int, UnsupportedError] = field(default_factory=dict)
    driver: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        raw = self.flow.raw
        self.builder = GraphBuilder(raw, self.source, self.layers, self.start)
        self.head = () if self.start is None else self.flow.upstream([self.start]).operators
        self._beyond = frozenset() if self.last is None else self.flow.downstream(self.last)
        self._causes: dict[int, str] = {}  # by tensor of the host: the refused layer that it stands behind
        for operator in raw.operators:
            operation = Operation(self.builder, operator)
            self.names[operator.index] = operation.name
            check_runs(operation)
            if operator.index not in self.head:
                self._read(operator, operation)
        if self.head and self.builder.entered is not None:
            self.head = self.flow.upstream([self.builder.entered]).operators
            self.driver = {index: how for index, how in self.driver.items() if index not in self.head}

    def _read(self, operator: RawOperator, operation: Operation) -> None:
        index, nodes = operator.index, len(self.builder.nodes)
        cause = next((self._causes[t] for t in operator.inputs if t in self._causes), None)
        if cause is not None:
            self._to_the_host(operator, f"behind {cause}, which runs on the host", cause)
            return
        try:
            with self.builder.undone_if_unsupported():
                if operator.op not in HANDLERS:
                    raise operation.error("a supported operator", operator.op, advice(operator.op, HANDLERS))
                HANDLERS[operator.op](operation)
                if index in self._beyond and len(self.builder.nodes) > nodes:
                    last = self.names[self.last or 0]
                    raise UnsupportedError(f"behind {last}, where --split ends the device's part")
        except UnsupportedError as error:
            self.refused[index] = error
            self._to_the_host(operator, _reason(error, operator, operation), operation.name)
            return
        if len(self.builder.nodes) > nodes:
            self.names[index] = self.builder.nodes[-1].name
            return
        value = self.builder.values[operator.outputs[0]]
        if value.tensor is None:
            self.driver[index] = "part of how frames become codes"
        elif value.host_ops:
            self.driver[index] = "the driver applies it to the device's output"

    def _to_the_host(self, operator: RawOperator, reason: str, cause: str) -> None:
        self.reasons[operator.index] = reason
        self._causes |= dict.fromkeys(operator.outputs, cause)

    @property
    def tail(self) -> Upstream:
        """What computes the model's outputs that the device does not give; ``stops`` are what it takes."""
        values = self.builder.values
        missing = [t for t in self.flow.raw.outputs if t not in values and t in self.flow.producer]
        given = {t for t, value in values.items() if value.tensor is not None and not value.host_ops}
        return self.flow.upstream(missing, given)

    @property
    def works(self) -> bool:
        """Whether the device has a part in it that is worth a device, and the host can do the others."""
        if self.builder.input is None or self.tail.open:
            return False
        alone = not self.head and not self.tail.operators
        return alone or any(isinstance(node, LINEAR) for node in self.builder.nodes)

    @property
    def multiplications(self) -> int:
        """Of a dense frame on the device, taps outside the image included."""
        total = 0
        for node in self.builder.nodes:
            if isinstance(node, Conv | DepthwiseConv):
                height, width, _ = map_shape(self.builder.tensors[node.output].shape)
                total += height * width * node.weights.size
        return total


def _reason(error: UnsupportedError, operator: RawOperator, operation: Operation) -> str:
    if operator.op not in HANDLERS:
        hint = f": {ADVICE[operator.op]}" if operator.op in ADVICE else ""
        return f"the array has no {operator.op}{hint}"
    said = error.message.removeprefix(f"{operation.where}: ")
    return f"{said}: {error.hint}" if error.hint else said
