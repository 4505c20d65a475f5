"""Which tensors a threshold applies to."""

from __future__ import annotations

from stillframe.contract import StillframeError

from .graph import LINEAR, Graph, Pad

MAX_THRESHOLD = 255
"""Largest threshold: the field of the layer descriptor has 8 bits, and codes never differ by more."""


def thresholds_for(graph: Graph, threshold: int) -> dict[int, int]:
    """The threshold of every tensor of a graph.

    A threshold applies to tensors that a MAC layer reads, directly or through a PAD, and that are not outputs
    of the model; others: 0. A padded tensor has none of its own: what is padded has it.

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
    read = {i for node in graph.nodes if isinstance(node, LINEAR) for i in node.inputs}
    padded = {node.output for node in graph.nodes if isinstance(node, Pad)}
    for node in reversed(graph.nodes):
        if isinstance(node, Pad) and node.output in read:
            read.update(node.inputs)
    exact = {output.tensor for output in graph.outputs} | padded
    return {i: threshold if i in read - exact else 0 for i in range(len(graph.tensors))}
