"""Cutting a part out of a ``.tflite`` file: a file of its own, with the operators and tensors of the part."""

from __future__ import annotations

from collections.abc import Sequence

from .quiet import load_tensorflow, quiet


def cut(data: bytes, operators: Sequence[int], inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
    """Cut a part of the main subgraph out.

    Args:
        data: Content of a file that :func:`~.flatbuffer.parse` has read.
        operators: Indices of the part's operators.
        inputs, outputs: Indices of the tensors that go into the part and come out of it.

    Returns:
        The content of a file with that part alone. Tensors keep their names; subgraphs that operators call
        (the bodies of loops) stay; signatures and metadata do not.
    """
    load_tensorflow()
    with quiet():
        from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    graph = model.subgraphs[0]
    graph.operators = [graph.operators[i] for i in operators]
    used = {*inputs, *outputs}
    for operator in graph.operators:
        for tensors in (operator.inputs, operator.outputs, operator.intermediates):
            used.update(int(t) for t in _listed(tensors) if t >= 0)
    kept = sorted(used)
    place = {tensor: i for i, tensor in enumerate(kept)} | {-1: -1}
    graph.tensors = [graph.tensors[i] for i in kept]
    for operator in graph.operators:
        operator.inputs = [place[int(t)] for t in _listed(operator.inputs)]
        operator.outputs = [place[int(t)] for t in _listed(operator.outputs)]
        operator.intermediates = [place[int(t)] for t in _listed(operator.intermediates)]
    graph.inputs, graph.outputs = [place[t] for t in inputs], [place[t] for t in outputs]
    buffers = {tensor.buffer for subgraph in model.subgraphs for tensor in subgraph.tensors}
    for index, buffer in enumerate(model.buffers):
        if index not in buffers:
            buffer.data = None
    model.signatureDefs, model.metadata, model.metadataBuffer = [], [], []
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _listed(vector: Sequence[int] | None) -> Sequence[int]:
    """The object API gives None for a vector that is absent."""
    return () if vector is None else vector
