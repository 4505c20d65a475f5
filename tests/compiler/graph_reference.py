"""A graph computed plainly, tensor by tensor: every layer in full in every frame, then what would be sent.

An independent second opinion for random graphs: loops over kernel taps instead of events, TFLite's formulas
with their own divisions instead of shifts. It shares nothing with the compiler but the Graph.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from stillframe.frontend import Conv, Graph, MaxPool, Node, PRelu, Relu

Ints = npt.NDArray[np.int64]


def _truncate(numerator: Ints, denominator: int) -> Ints:
    """Integer division towards zero, as C does it."""
    return np.sign(numerator) * (np.abs(numerator) // denominator)


def rescale(x: Ints, multiplier: int, shift: int) -> Ints:
    """TFLite's MultiplyByQuantizedMultiplier: gemmlowp's two roundings."""
    product = x * (1 << max(shift, 0)) * multiplier
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = _truncate(product + nudge, 1 << 31)
    divisor = 1 << max(-shift, 0)
    # Half of the divisor away from zero, then the fraction dropped: nearest, halves away from zero.
    return _truncate(high + np.sign(high) * (divisor // 2), divisor)


class GraphReference:
    """The tensors of a graph as their consumers see them.

    Args:
        graph: The network.
        thresholds: Threshold by tensor index.
    """

    def __init__(self, graph: Graph, thresholds: Mapping[int, int]) -> None:
        self._graph, self._thresholds = graph, thresholds
        self.sent: dict[int, Ints] = {}

    def run(self, codes: npt.NDArray[np.int8], key: bool) -> dict[int, Ints]:
        """Values last sent of all tensors after a frame, by tensor index."""
        self._send(self._graph.input.tensor, codes.astype(np.int64), key)
        for node in self._graph.nodes:
            self._send(node.output, self._compute(node), key)
        return self.sent

    def _send(self, tensor: int, values: Ints, key: bool) -> None:
        if not key:
            last = self.sent[tensor]
            values = np.where(np.abs(values - last) > self._thresholds[tensor], values, last)
        self.sent = {**self.sent, tensor: values}

    def _compute(self, node: Node) -> Ints:
        source, target = self._graph.tensors[node.inputs[0]], self._graph.tensors[node.output]
        x = self.sent[node.inputs[0]].reshape((1, 1, *source.shape)[-3:])
        low, high = -128, 127
        match node:
            case Conv():
                y = _requantise(_convolve(x - source.zero_point, node) + node.bias, node) + target.zero_point
                low, high = node.act_min, node.act_max
            case MaxPool():
                y = _windows(x, node.window, node.strides, node.padding, outside=-128).max(axis=(2, 3))
                low, high = node.act_min, node.act_max
            case PRelu():
                x = x - source.zero_point
                slope = node.alpha.astype(np.int64) - node.alpha_zero_point
                y = np.where(x >= 0, rescale(x, *node.positive), rescale(x * slope, *node.negative))
                y = y + target.zero_point
            case Relu():
                y = rescale(x - source.zero_point, node.multiplier, node.shift) + target.zero_point
                low, high = node.act_min, node.act_max
            case _:
                raise AssertionError(node)
        return np.clip(y, low, high).reshape(target.shape)


def _requantise(x: Ints, node: Conv) -> Ints:
    if node.real_multiplier is not None:
        product = x.astype(np.float64) * node.real_multiplier
        whole = np.trunc(product)
        return (whole + np.sign(product) * (np.abs(product - whole) >= 0.5)).astype(np.int64)
    by_channel = [
        rescale(x[:, :, channel], int(node.multiplier[channel]), int(node.shift[channel]))
        for channel in range(x.shape[2])
    ]
    return np.stack(by_channel, axis=2)


def _windows(
    x: Ints,
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    outside: int,
) -> Ints:
    """(out_height, out_width, window height, window width, channels)."""
    padded = np.pad(x, (*padding, (0, 0)), constant_values=outside)
    views = np.lib.stride_tricks.sliding_window_view(padded, window, axis=(0, 1))
    return views[:: strides[0], :: strides[1]].transpose(0, 1, 3, 4, 2)


def _convolve(x: Ints, node: Conv) -> Ints:
    rows, columns = node.weights.shape[:2]
    fields = _windows(x, (rows, columns), node.strides, node.padding, outside=0)
    total = np.zeros((*fields.shape[:2], node.weights.shape[3]), np.int64)
    for ky in range(rows):
        for kx in range(columns):
            total += fields[:, :, ky, kx] @ node.weights[ky, kx].astype(np.int64)
    return total


def dense_macs(graph: Graph, node: Conv) -> int:
    """Multiplications of a dense pass over taps inside the image, counted one by one."""
    height, width, channels = (1, 1, *graph.tensors[node.inputs[0]].shape)[-3:]
    inside = np.ones((height, width, 1), np.int64)
    fields = _windows(inside, node.weights.shape[:2], node.strides, node.padding, outside=0)
    return int(fields.sum()) * channels * node.weights.shape[3]
