"""Multiplications of a convolution, counted from its input, to check the hardware's counters against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.frontend.graph import Conv, Graph, Int8
from stillframe.frontend.shapes import map_shape

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MacCounts:
    """Multiplications of one convolution: taps inside the image x output channels.

    Attributes:
        dense: In every frame, whatever the values.
        delta: By frame, int64: inputs that were sent (in a key frame: that are not the zero point).
        direct: By frame, int64: inputs that are not the zero point. A layer that skips still frames issues 0
            in a frame other than a key frame in which ``Trace.sent`` of its input is 0.
    """

    dense: int
    delta: Counts
    direct: Counts


def reach(node: Conv, height: int, width: int) -> Counts:
    """How many output pixels read each input pixel: int64, (height, width)."""

    def along(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> Counts:
        out = (size + sum(padding) - kernel) // stride + 1
        first = np.arange(out)[:, None] * stride - padding[0]
        position = np.arange(size)[None]
        return ((first <= position) & (position < first + kernel)).sum(axis=0, dtype=np.int64)

    rows, columns, *_ = node.weights.shape
    vertical = along(height, rows, node.strides[0], node.padding[0])
    horizontal = along(width, columns, node.strides[1], node.padding[1])
    return np.outer(vertical, horizontal)


def count_macs(graph: Graph, node: Conv, after: Int8, before: Int8) -> MacCounts:
    """Count a convolution's multiplications.

    Args:
        graph, node: The convolution.
        after, before: Its input as consumers see it in each frame, and before it, frames x map.
    """
    tensor = graph.tensors[node.inputs[0]]
    height, width, channels = map_shape(tensor.shape)
    readers = reach(node, height, width)
    out_channels = node.weights.shape[-1]

    def macs(event: npt.NDArray[np.bool_]) -> Counts:
        return (event.sum(axis=-1, dtype=np.int64) * readers).sum(axis=(1, 2)) * out_channels

    dense = int(readers.sum()) * channels * out_channels
    return MacCounts(dense, macs(after != before), macs(after != tensor.zero_point))
