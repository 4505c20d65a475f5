"""Multiplications of a sum of products, counted from its input, to check the hardware's counters against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.frontend.graph import AveragePool, Conv, DepthwiseConv, Graph, Int8, Mean
from stillframe.frontend.padding import window_input
from stillframe.frontend.shapes import map_shape

Counts = npt.NDArray[np.int64]
Linear = Conv | DepthwiseConv | AveragePool | Mean


@dataclass(frozen=True)
class MacCounts:
    """Multiplications of one layer: taps inside the image x output channels that each of them goes to.

    What a PAD adds lies outside the image, where the layer sees nothing there anyway.

    Attributes:
        dense: In every frame, whatever the values.
        delta: By frame, int64: inputs that were sent (in a key frame: that are not the zero point).
        direct: By frame, int64: inputs that are not the zero point. A layer that skips still frames issues 0
            in a frame other than a key frame in which ``Trace.sent`` of its input is 0.
    """

    dense: int
    delta: Counts
    direct: Counts


def reach(node: Linear, height: int, width: int) -> Counts:
    """How many output pixels read each input pixel: int64, (height, width)."""
    if isinstance(node, Mean):
        return np.ones((height, width), np.int64)
    window = node.window if isinstance(node, AveragePool) else node.weights.shape[:2]
    dilation = (1, 1) if isinstance(node, AveragePool) else node.dilation

    def along(axis: int, size: int) -> Counts:
        taps = np.arange(window[axis]) * dilation[axis]
        padding = node.padding[axis]
        out = (size + sum(padding) - taps[-1] - 1) // node.strides[axis] + 1
        first = np.arange(out) * node.strides[axis] - padding[0]
        places = (first[:, None] + taps).reshape(-1)
        return np.bincount(places[(places >= 0) & (places < size)], minlength=size).astype(np.int64)

    return np.outer(along(0, height), along(1, width))


def lanes_of_an_event(node: Linear) -> int:
    """Output channels that one value of the input takes part in."""
    return int(node.weights.shape[-1]) if isinstance(node, Conv | DepthwiseConv) else 1


def count_macs(graph: Graph, node: Linear, after: Int8, before: Int8) -> MacCounts:
    """Count a layer's multiplications; an average is counted as multiplications by 1.

    Args:
        graph, node: The layer.
        after, before: Its input as consumers see it in each frame, and before it, frames x map.
    """
    tensor = graph.tensors[node.inputs[0]]
    height, width, channels = map_shape(tensor.shape)
    readers = reach(node, height, width)
    lanes = lanes_of_an_event(node)

    def macs(event: npt.NDArray[np.bool_]) -> Counts:
        return (event.sum(axis=-1, dtype=np.int64) * readers).sum(axis=(1, 2)) * lanes

    _, ((top, bottom), (left, right)) = window_input(graph, node)
    inside = readers[top : height - bottom, left : width - right]
    dense = int(inside.sum()) * channels * lanes
    return MacCounts(dense, macs(after != before), macs(after != tensor.zero_point))
