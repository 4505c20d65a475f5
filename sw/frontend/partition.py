"""Which part of a model the device takes: as many multiplications as it can, or what the user says.

The device's part begins at an int8 tensor through which everything passes (the model's input, if nothing
before it is refused), and ends where an operator is refused. What stands before it is the head, what stands
behind it the tail; both are the host's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from stillframe.contract import StillframeError

from .dataflow import Dataflow
from .errors import NothingLeftError, UnsupportedError
from .flatbuffer import RawModel
from .reading import Reading
from .shapes import shape_text
from .split import Split


def partition(
    raw: RawModel, source: str, layers: Collection[str] = (), split: str = ""
) -> tuple[Reading, Split]:
    """Choose the device's part of a model.

    Args:
        raw: The file.
        source: What messages call it.
        layers: Names of Keras layers to look for in the names of tensors.
        split: ``LAST``, ``FIRST:LAST``, ``FIRST:`` or ``:LAST``: names of the layers with which the device's
            part ends and begins; empty to choose them.

    Returns:
        The part that was chosen, and the border that was asked for.

    Raises:
        StillframeError: The file is damaged, nothing is left for the device, or the border is not possible.
    """
    flow = Dataflow(raw)
    whole = Reading(flow, source, layers)
    border = Split.parse(split, whole.names, source) if split else Split()
    if border.first is None:
        readings = list(_candidates(whole, border.last))
    else:
        readings = [_beginning_at(border.first, border.last, whole)]
    possible = [r for r in readings if r.works and _holds(r, border)]
    if not possible:
        raise _impossible(readings[0], border) if split else _nothing(whole)
    chosen = max(possible, key=lambda reading: reading.multiplications)
    _explain(chosen, [whole, *readings], border)
    return chosen, border


def _candidates(whole: Reading, last: int | None) -> Iterator[Reading]:
    """What begins at the model's input, and what begins behind an operator that another candidate refuses."""
    flow, done = whole.flow, set()
    waiting: list[int | None] = [None]
    while waiting:
        start = waiting.pop(0)
        if start in done:
            continue
        done.add(start)
        if start is None and last is None:
            reading = whole
        else:
            try:
                reading = Reading(flow, whole.source, whole.layers, start, last)
            except UnsupportedError:
                continue
        yield reading
        waiting += [t for t in (_border_behind(flow, index) for index in reading.refused) if t is not None]


def _border_behind(flow: Dataflow, index: int) -> int | None:
    """The first int8 tensor behind an operator through which everything passes; None if there is none."""
    for operator in flow.raw.operators[index:]:
        for tensor in operator.outputs:
            raw = flow.raw.tensors[tensor]
            if raw.dtype != "INT8" or len(raw.scales) != 1 or index not in flow.upstream([tensor]).operators:
                continue
            if not flow.upstream(flow.raw.outputs, {tensor}).open:
                return tensor
    return None


def _beginning_at(first: int, last: int | None, whole: Reading) -> Reading:
    """The part that begins with the layer named."""
    flow, source, name = whole.flow, whole.source, whole.names[first]
    tensors = [flow.raw.tensors[t] for t in flow.activations(first)]
    where = f"{source}: expected --split to begin the device's part at a layer "
    if len(tensors) != 1:
        raise StillframeError(
            f"{where}with one input, got {name!r} with {len(tensors)} "
            f"({', '.join(repr(t.name) for t in tensors)})",
            "begin at a layer before the branches part, or behind the layer that joins them",
        )
    (tensor,) = tensors
    if tensor.index in flow.raw.inputs:
        return Reading(flow, source, whole.layers, None, last)
    if tensor.dtype != "INT8" or len(tensor.scales) != 1:
        raise StillframeError(
            f"{where}with an int8 input, got {name!r} with {tensor.dtype.lower()} {shape_text(tensor.shape)}",
            "begin behind the layer that quantises",
        )
    if flow.upstream(flow.raw.outputs, {tensor.index}).open:
        raise StillframeError(
            f"{where}through whose input {tensor.name!r} everything passes, "
            f"got {name!r} beside another branch",
            "begin at a layer before the branches part, or behind the layer that joins them",
        )
    return Reading(flow, source, whole.layers, tensor.index, last)


def _holds(reading: Reading, border: Split) -> bool:
    """Whether the layers that the user names are not the host's."""
    asked = [index for index in (border.first, border.last) if index is not None]
    return not any(index in reading.reasons or index in reading.head for index in asked)


def _impossible(reading: Reading, border: Split) -> StillframeError:
    for index in (border.first, border.last):
        if index is not None and index in reading.reasons:
            return StillframeError(
                f"{reading.source}: expected --split to name layers that the device can compute, "
                f"got {reading.names[index]!r}: {reading.reasons[index]}",
                "leave --split out to have the border chosen, or end the device's part before that layer",
            )
    if reading.tail.open and reading.multiplications:
        return _nothing(reading)
    nodes = ", ".join(repr(node.name) for node in reading.builder.nodes) or "none"
    return StillframeError(
        f"{reading.source}: expected --split to leave the device a layer with multiplications, "
        f"got the layers {nodes}",
        "leave --split out to have the border chosen, or let the device's part reach further",
    )


def _nothing(reading: Reading) -> StillframeError:
    """Why a reading gives the device nothing to do, or the host what it cannot do."""
    if reading.tail.open and reading.multiplications:
        tensor, operators = reading.tail.open[0], reading.flow.raw.operators
        reader = next(i for i in reading.tail.operators if tensor in operators[i].inputs)
        return StillframeError(
            f"{reading.source}: expected layers behind the device to read what the device computes, "
            f"got {reading.names[reader]!r}, which reads {reading.flow.raw.tensors[tensor].name!r}",
            "let all layers read the model's input behind the same operators",
        )
    if reading.refused:
        return NothingLeftError(list(reading.refused.values()))
    return StillframeError(
        f"{reading.source}: expected a layer for the device, got none",
        "give a model with at least one convolution, dense or pooling layer",
    )


def _explain(chosen: Reading, readings: Sequence[Reading], border: Split) -> None:
    """Give every operator of head and tail its reason: what a reading refused it for, or whom it is for."""
    refusals = {index: r.reasons[index] for r in reversed(readings) for index in r.refused}
    raw, first = chosen.flow.raw, chosen.builder.nodes[0].name
    before = f"before {first}, where " + (
        "the device's part begins" if border.first is None else "--split begins the device's part"
    )
    for index in chosen.head:
        chosen.reasons[index] = refusals.get(index, before)
    for index in reversed(chosen.tail.operators):
        if index not in chosen.reasons:
            made = set(raw.operators[index].outputs)
            reader = next(
                o for o in raw.operators[index:] if made.intersection(o.inputs) and o.index in chosen.reasons
            )
            chosen.reasons[index] = f"for {chosen.names[reader.index]}, which runs on the host"
