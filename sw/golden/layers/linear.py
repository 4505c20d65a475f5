"""What layers that are sums of products share: two steps, so that sums can be kept between frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from stillframe.frontend.graph import Graph, Node, Padding, Pair


class GoldenLinear(keras.layers.Layer):
    """A layer computed from sums that change by what its input changes.

    Input and output: int8 codes, (frames, height, width, channels).
    """

    def __init__(self, graph: Graph, node: Node) -> None:
        super().__init__(name=None, trainable=False)
        self.zero_point_in = graph.tensors[node.inputs[0]].zero_point
        self.zero_point_out = graph.tensors[node.output].zero_point

    def accumulate(self, values: Any) -> Any:
        """The sums, int64: ``values`` are int64 codes less the zero point, or their differences."""
        raise NotImplementedError

    def requantise(self, accumulators: Any) -> Any:
        """The sums to int8 codes."""
        raise NotImplementedError

    def call(self, codes: Any) -> Any:
        return self.requantise(self.accumulate(ops.cast(codes, "int64") - self.zero_point_in))


def taps(
    values: Any, window: Pair, strides: Pair, padding: Padding, dilation: Pair = (1, 1)
) -> Iterator[tuple[int, int, Any]]:
    """(row, column, the values under it at every position) of each tap of a window; 0 outside the image.

    Args:
        values: int64, (frames, height, width, channels).
        window, strides, padding, dilation: As in :class:`~stillframe.frontend.graph.Conv`.
    """
    padded = ops.pad(values, ((0, 0), *padding, (0, 0)))
    spans = []
    for size, k, stride, factor in zip(padded.shape[1:3], window, strides, dilation, strict=True):
        last = (size - (k - 1) * factor - 1) // stride * stride
        spans.append([slice(i * factor, i * factor + last + 1, stride) for i in range(k)])
    for row, rows in enumerate(spans[0]):
        for column, columns in enumerate(spans[1]):
            yield row, column, padded[:, rows, columns]
