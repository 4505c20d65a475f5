"""Which tensors a threshold applies to."""

from __future__ import annotations

from stillframe.contract import StillframeError

from .graph import Conv, Graph

MAX_THRESHOLD = 255
"""Largest threshold: the field of the layer descriptor has 8 bits, and codes never differ by more."""


def thresholds_for(graph: Graph, threshold: int) -> dict[int, int]:
    """The threshold of every tensor of a graph.

    A threshold applies to tensors that a MAC layer reads and that are not outputs of the model; others: 0.

    Args:
        graph: The network.
        threshold: Codes by which a value may differ from the last one sent, unsent: 0 to 255.

    Returns:
        Threshold by tensor index, for all tensors.

    Raises:
        StillframeError: The threshold is out of range.
    """
    if not 0 <= threshold <= MAX_THRESHOLD:
        raise StillframeError(
            f"threshold: expected 0 to {MAX_THRESHOLD} codes, got {threshold}",
            "0 is lossless; 1 to 8 trade accuracy for fewer events",
        )
    read = {i for node in graph.nodes if isinstance(node, Conv) for i in node.inputs}
    outputs = {output.tensor for output in graph.outputs}
    return {i: threshold if i in read - outputs else 0 for i in range(len(graph.tensors))}
