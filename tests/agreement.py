"""Runs frames on a device and holds every answer against the golden model: values and counts.

What the host computes of a model, its head and its tail, is TFLite's own, and computed here in the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import Mode, Program
from stillframe.contract.program import LayerSpec
from stillframe.driver import FrameResult, Session
from stillframe.driver.host_model import HostModel
from stillframe.frontend import Graph
from stillframe.golden import GoldenModel, Trace

Values = npt.NDArray[Any]


def device_codes(graph: Graph, frames: Values) -> npt.NDArray[np.int8]:
    """Codes of the device's input tensor from frames as ``graph.frame`` has them, (frames, *shape)."""
    if not graph.head:
        return frames
    head = HostModel(graph.head, graph.name)
    return np.stack([head.run([frame])[0] for frame in frames])


def golden_results(graph: Graph, trace: Trace) -> dict[str, Values]:
    """The model's outputs by name, frames first: the golden model's, with the tail behind them."""
    if not graph.tail:
        return trace.outputs
    tail = HostModel(graph.tail, graph.name)
    names = [tensor.name for tensor in graph.tail.inputs]
    values: dict[str, list[Values]] = {tensor.name: [] for tensor in graph.tail.outputs}
    for number in range(len(trace.key)):
        results = tail.run([trace.outputs[name][number] for name in names])
        for kept, result in zip(values.values(), results, strict=True):
            kept.append(result)
    behind = {name: np.stack(kept) for name, kept in values.items()}
    return {r.name: behind[r.name] if r.name in behind else trace.outputs[r.name] for r in graph.results}


def assert_agrees(
    session: Session, graph: Graph, frames: Values, threshold: int = 0, key: Collection[int] = ()
) -> list[FrameResult]:
    """Run frames; every output of every frame, and every tensor after the last one, is the golden model's.

    So are the MACs issued and skipped by every layer, in every frame.

    Args:
        session: A fresh one.
        graph: What its program is compiled from.
        frames: As ``graph.frame`` has them, (frames, *shape).
        threshold: That the program is compiled with.
        key: Frames to compute from scratch, besides the first.

    Returns:
        What the device answered.

    Raises:
        AssertionError: Something differs; the message names frame, layer and position.
    """
    program = session.program
    trace = GoldenModel(graph, threshold).run(device_codes(graph, frames), key=key)
    expected = golden_results(graph, trace)
    results = []
    for number, frame in enumerate(frames.reshape(len(frames), *program.frame.shape)):
        result = session.run(frame, key=number in key)
        assert result.key == bool(trace.key[number]), f"frame {number}: key"
        assert result.outputs.keys() == expected.keys()
        if any(not np.array_equal(result.outputs[name], v[number]) for name, v in expected.items()):
            raise AssertionError(_difference(session, graph, trace, number, result, expected))
        _assert_counts(program, graph, trace, number, result)
        results.append(result)
    if difference := _first_layer(session, graph, trace, len(frames) - 1):
        raise AssertionError(difference)
    return results


def _assert_counts(program: Program, graph: Graph, trace: Trace, number: int, result: FrameResult) -> None:
    for counted, layer in zip(result.layers, program.layers, strict=True):
        where = f"frame {number}, layer {layer.name} ({layer.op}, {layer.mode.name})"
        issued = _macs(program, graph, trace, number, layer)
        assert counted.macs_issued == issued, f"{where}: {counted.macs_issued} MACs issued, not {issued}"
        assert counted.macs_issued + counted.macs_skipped == layer.macs_dense, f"{where}: MACs in all"
    assert result.cycles == sum(layer.cycles for layer in result.layers)


def _macs(program: Program, graph: Graph, trace: Trace, number: int, layer: LayerSpec) -> int:
    """MACs that a layer should issue in a frame."""
    counts = trace.macs.get(layer.name)
    if counts is None:
        assert not layer.macs_dense, f"layer {layer.name}: MACs that the golden model does not count"
        return 0
    source = _graph_tensor(program, graph, layer.input)
    assert source is not None, f"layer {layer.name}: it reads a tensor of the model"
    assert layer.macs_dense == counts.dense, f"layer {layer.name}: MACs of a dense frame"
    if layer.fields["skip_still"] and not trace.key[number] and not trace.sent[source][number]:
        return 0
    if layer.mode is Mode.DENSE:
        return layer.macs_dense
    return int((counts.delta if layer.mode is Mode.DELTA else counts.direct)[number])


def _graph_tensor(program: Program, graph: Graph, index: int) -> int | None:
    """Index into the graph's tensors of a device tensor; None of one that only the compiler knows."""
    name = program.tensors[index].name
    return next((i for i, tensor in enumerate(graph.tensors) if tensor.name == name), None)


def _difference(
    session: Session,
    graph: Graph,
    trace: Trace,
    number: int,
    result: FrameResult,
    expected: dict[str, Values],
) -> str:
    """What differs in the frame run last: the first layer in execution order, else an output."""
    if difference := _first_layer(session, graph, trace, number):
        return difference
    name = next(n for n, v in expected.items() if not np.array_equal(result.outputs[n], v[number]))
    return _text(number, f"output {name}", expected[name][number], result.outputs[name])


def _first_layer(session: Session, graph: Graph, trace: Trace, number: int) -> str:
    """The first layer whose tensor is not the golden model's; empty if there is none."""
    for layer in session.program.layers:
        index = _graph_tensor(session.program, graph, layer.output)
        if index is None:
            continue
        expected = trace.tensors[index][number]
        got = session.read_tensor(layer.output).reshape(expected.shape)
        if not np.array_equal(got, expected):
            return _text(number, f"layer {layer.name} ({layer.op})", expected, got)
    return ""


def _text(number: int, where: str, expected: Values, got: Values) -> str:
    wrong = np.argwhere(got != expected)
    first = tuple(int(i) for i in wrong[0])
    return (
        f"frame {number}, {where}: {len(wrong)} of {got.size} values differ, the first at {first}: "
        f"expected {expected[first]}, got {got[first]}"
    )
