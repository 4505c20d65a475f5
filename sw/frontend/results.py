"""From the device's part of a file to the graph: its outputs, the host's parts, and who computes what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from stillframe.contract import StillframeError
from stillframe.contract.host import Assignment, HostPart, HostTensor

from .builder import GraphBuilder, unique
from .cut import cut
from .flatbuffer import RawTensor
from .graph import Graph, GraphInput, GraphOutput
from .reading import Reading
from .split import Split

Named = TypeVar("Named", GraphOutput, HostTensor)


def assemble(reading: Reading, border: Split, name: str, data: bytes) -> Graph:
    """Make the graph of the part that was chosen.

    Args:
        reading: The device's part.
        border: What was asked for.
        name: What the model is called in reports.
        data: The file's content.

    Raises:
        StillframeError: An output of the model is its input, or nothing computes it.
    """
    builder = reading.builder
    assert builder.input is not None, "a part that works has an input"
    head, graph_input = _head(reading, builder.input, data)
    names = _output_names(builder)
    outputs, tail = _outputs(reading, names, data)
    return Graph(
        name=name,
        tensors=tuple(builder.tensors),
        nodes=tuple(builder.nodes),
        input=graph_input,
        outputs=outputs,
        tflite=data,
        head=head,
        tail=tail,
        order=tuple(names) if tail else (),
        assignments=_assignments(reading),
        split=str(border),
    )


def renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    """A graph with other names for outputs, the device's and the model's; those left out keep their own."""

    def rename(tensor: Named) -> Named:
        return replace(tensor, name=names.get(tensor.name, tensor.name))

    tail = graph.tail and replace(
        graph.tail,
        inputs=tuple(map(rename, graph.tail.inputs)),
        outputs=tuple(map(rename, graph.tail.outputs)),
    )
    return replace(
        graph,
        outputs=tuple(map(rename, graph.outputs)),
        tail=tail,
        order=tuple(names.get(name, name) for name in graph.order),
    )


def _head(reading: Reading, graph_input: GraphInput, data: bytes) -> tuple[HostPart | None, GraphInput]:
    """What the host computes before the device, with the driver's operators in it."""
    if not reading.head:
        return None, graph_input
    builder = reading.builder
    raw, entered = builder.raw, builder.entered
    assert entered is not None, "a part with an input has a tensor in which frames arrive"
    source, target = raw.tensors[raw.inputs[0]], raw.tensors[entered]
    builder.without_batch(source, f"{builder.source}: input {source.name!r}")
    operators = reading.flow.upstream([entered]).operators
    part = HostPart(
        cut(data, operators, raw.inputs, [entered]),
        (_host_tensor(source, source.name),),
        (_host_tensor(target, target.name),),
    )
    return part, replace(graph_input, host_ops=())


def _output_names(builder: GraphBuilder) -> list[str]:
    """Names of the model's outputs, in its order."""
    names: list[str] = []
    signature = list(builder.raw.output_names)
    for index in builder.raw.outputs:
        named = next((entry for entry in signature if entry[0] == index), None)
        if named:
            signature.remove(named)  # a tensor that is an output twice has two names
        names.append(unique(named[1] if named else builder.raw.tensors[index].name, names))
    return names


def _outputs(
    reading: Reading, names: list[str], data: bytes
) -> tuple[tuple[GraphOutput, ...], HostPart | None]:
    """The device's outputs, of the model and for its tail, and the tail."""
    builder, tail = reading.builder, reading.tail
    raw = builder.raw
    outputs: list[GraphOutput] = []
    by_tensor: dict[int, GraphOutput] = {}
    behind: dict[str, int] = {}
    for name, index in zip(names, raw.outputs, strict=True):
        if index not in builder.values and index in reading.flow.producer:
            behind[name] = index
        else:
            outputs.append(_output(builder, name, index))
            by_tensor[index] = outputs[-1]
    for index in tail.stops:
        if index not in by_tensor:
            taken = {*names, *(output.name for output in outputs)}
            outputs.append(_output(builder, unique(raw.tensors[index].name, taken), index))
            by_tensor[index] = outputs[-1]
    if not behind:
        return tuple(outputs), None
    part = HostPart(
        cut(data, tail.operators, tail.stops, list(behind.values())),
        tuple(
            HostTensor(o.name, o.shape, "int8", o.scale, o.zero_point)
            for o in (by_tensor[index] for index in tail.stops)
        ),
        tuple(_host_tensor(raw.tensors[index], name) for name, index in behind.items()),
    )
    return tuple(outputs), part


def _output(builder: GraphBuilder, name: str, index: int) -> GraphOutput:
    raw, value = builder.raw.tensors[index], builder.values.get(index)
    if value is None or value.tensor is None:
        raise StillframeError(
            f"{builder.source}: output {raw.name!r}: expected a result of the device, "
            f"got {'the input itself' if value else 'a tensor that nothing computes'}",
            "end the model at a layer that the device computes",
        )
    quantised = len(raw.scales) == 1
    return GraphOutput(
        name=name,
        tensor=value.tensor,
        shape=value.shape,
        scale=float(raw.scales[0]) if quantised else 1.0,
        zero_point=int(raw.zero_points[0]) if quantised else 0,
        host_ops=value.host_ops,
    )


def _host_tensor(raw: RawTensor, name: str) -> HostTensor:
    quantised = len(raw.scales) == 1
    return HostTensor(
        name,
        raw.shape[1:] if raw.shape[:1] == (1,) else raw.shape,
        raw.dtype.lower(),
        float(raw.scales[0]) if quantised else 1.0,
        int(raw.zero_points[0]) if quantised else 0,
    )


def _assignments(reading: Reading) -> tuple[Assignment, ...]:
    """Where each operator runs, in the file's order."""
    why = reading.driver | reading.reasons
    return tuple(
        Assignment(reading.names[o.index], o.op, o.index in why, why.get(o.index, ""))
        for o in reading.builder.raw.operators
    )
