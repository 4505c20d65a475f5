"""Holds a compiled graph against the plain computation: every device tensor, every counter."""

from __future__ import annotations

import numpy as np
from graph_reference import GraphReference, Ints
from interpreter import Interpreter, Trace
from mac_reference import dense_macs, macs
from random_graphs import clip

from stillframe.contract import Mode, Op, Program
from stillframe.contract.program import LayerSpec
from stillframe.frontend import Graph, thresholds_for

KEYS = (0, 6)
"""Frames of a clip that are computed from scratch."""


def check(graph: Graph, program: Program, threshold: int, seed: int) -> None:
    """Every device tensor of every frame equals the plain computation, and so do the counters."""
    reference = GraphReference(graph, thresholds_for(graph, threshold))
    interpreter = Interpreter(program, seed)
    numbers = {tensor.name: index for index, tensor in enumerate(graph.tensors)}
    for frame, pixels in enumerate(clip(graph, seed, frames=8)):
        key = frame in KEYS
        before = reference.sent
        expected = reference.run(pixels, key)
        traces = interpreter.run(pixels, key)
        for index, tensor in enumerate(program.tensors):
            number = numbers.get(tensor.name)
            if number is not None:  # of a CONCAT of several, the model has the last tensor only
                got = interpreter.output(index)
                got = got[..., np.argsort(tensor.order)] if tensor.order else got
                got = got.reshape(graph.tensors[number].shape)
                np.testing.assert_array_equal(got, expected[number], f"frame {frame}, tensor {tensor.name}")
        for layer, trace in zip(program.layers, traces, strict=True):
            check_counters(graph, program, layer, trace, {} if key else before, expected)
            if frame == 2 and layer.fields.get("skip_still"):
                assert not trace.ran, "frame 2 is still: nothing is to be computed"


def check_counters(
    graph: Graph,
    program: Program,
    layer: LayerSpec,
    trace: Trace,
    before: dict[int, Ints],
    after: dict[int, Ints],
) -> None:
    """The multiplications that a layer issued are those of its events; ``before`` is empty in a key frame."""
    if layer.fields["op"] != Op.MAC:
        assert trace.macs_issued == layer.macs_dense == 0
        return
    (node,) = [node for node in graph.nodes if node.name == layer.name]
    names = [tensor.name for tensor in graph.tensors]
    dense = dense_macs(graph, node, names.index(program.tensors[layer.input].name))
    assert layer.macs_dense == dense
    assert trace.macs_issued + trace.macs_skipped == dense
    source = node.inputs[0]
    zero_point = graph.tensors[source].zero_point
    if not trace.ran:
        np.testing.assert_array_equal(before[source], after[source])
        assert trace.macs_issued == 0
    elif layer.mode is Mode.DENSE:
        assert trace.macs_issued == dense
    else:
        last = before.get(source, zero_point) if layer.mode is Mode.DELTA else zero_point
        assert trace.macs_issued == macs(graph, node, (after[source] != last).astype(np.int64))
