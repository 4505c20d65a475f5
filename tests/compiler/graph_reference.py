"""A graph computed plainly, tensor by tensor: every layer in full in every frame, then what would be sent.

An independent second opinion for random graphs: loops over kernel taps instead of events, TFLite's formulas
with their own divisions instead of shifts. It shares nothing with the compiler but the Graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatchmethod

import numpy as np
import numpy.typing as npt

from stillframe.frontend import Conv, Graph, MaxPool, Node, PRelu, Relu
from stillframe.frontend.graph import (
    ADD_LEFT_SHIFT,
    Add,
    AveragePool,
    Concat,
    DepthwiseConv,
    Lookup,
    Mean,
    Pad,
    Padding,
    Pair,
    Resize,
)

Ints = npt.NDArray[np.int64]


def _truncate(numerator: Ints, denominator: int | Ints) -> Ints:
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


def windows(
    x: Ints, window: Pair, strides: Pair, padding: Padding, outside: int, dilation: Pair = (1, 1)
) -> Ints:
    """(out_height, out_width, window height, window width, channels) of a map (height, width, channels)."""
    padded = np.pad(x, (*padding, (0, 0)), constant_values=outside)
    reach = [(taps - 1) * step + 1 for taps, step in zip(window, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(0, 1))
    views = views[:: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
    return views.transpose(0, 1, 3, 4, 2)


class GraphReference:
    """The tensors of a graph as their consumers see them.

    Args:
        graph: The network.
        thresholds: Threshold by tensor index.

    Attributes:
        sent: Values last sent, by tensor index.
    """

    def __init__(self, graph: Graph, thresholds: Mapping[int, int]) -> None:
        self._graph, self._thresholds = graph, thresholds
        self.sent: dict[int, Ints] = {}

    def run(self, codes: npt.NDArray[np.int8], key: bool) -> dict[int, Ints]:
        """Values last sent of all tensors after a frame, by tensor index."""
        self._send(self._graph.input.tensor, codes.astype(np.int64), key)
        for node in self._graph.nodes:
            target = self._graph.tensors[node.output]
            self._send(node.output, self._compute(node).reshape(target.shape), key)
        return self.sent

    def _send(self, tensor: int, values: Ints, key: bool) -> None:
        if not key:
            last = self.sent[tensor]
            values = np.where(np.abs(values - last) > self._thresholds[tensor], values, last)
        self.sent = {**self.sent, tensor: values}

    def _zero_point(self, tensor: int) -> int:
        return self._graph.tensors[tensor].zero_point

    def _map(self, node: Node, number: int = 0) -> Ints:
        """An input as a map (height, width, channels)."""
        tensor = node.inputs[number]
        return self.sent[tensor].reshape((1, 1, *self._graph.tensors[tensor].shape)[-3:])

    def _distance(self, node: Node, number: int = 0) -> Ints:
        """An input as a map of distances from its zero point."""
        return self._map(node, number) - self._zero_point(node.inputs[number])

    @singledispatchmethod
    def _compute(self, node: Node) -> Ints:
        raise AssertionError(node)

    @_compute.register
    def _(self, node: Conv) -> Ints:
        rows, columns = node.weights.shape[:2]
        fields = windows(self._distance(node), (rows, columns), node.strides, node.padding, 0, node.dilation)
        total = np.zeros((*fields.shape[:2], node.weights.shape[3]), np.int64)
        for ky in range(rows):
            for kx in range(columns):
                total += fields[:, :, ky, kx] @ node.weights[ky, kx].astype(np.int64)
        return self._requantise(total, node)

    @_compute.register
    def _(self, node: DepthwiseConv) -> Ints:
        rows, columns, channels, multiplier = node.weights.shape
        fields = windows(self._distance(node), (rows, columns), node.strides, node.padding, 0, node.dilation)
        total = np.zeros((*fields.shape[:2], channels * multiplier), np.int64)
        for channel in range(channels):
            for output in range(multiplier):
                products = fields[..., channel] * node.weights[:, :, channel, output].astype(np.int64)
                total[:, :, channel * multiplier + output] = products.sum(axis=(2, 3))
        return self._requantise(total, node)

    def _requantise(self, total: Ints, node: Conv | DepthwiseConv) -> Ints:
        x = total + node.bias
        if isinstance(node, Conv) and node.real_multiplier is not None:
            product = x.astype(np.float64) * node.real_multiplier
            whole = np.trunc(product)
            y = (whole + np.sign(product) * (np.abs(product - whole) >= 0.5)).astype(np.int64)
        else:
            by_channel = [
                rescale(x[:, :, channel], int(node.multiplier[channel]), int(node.shift[channel]))
                for channel in range(x.shape[2])
            ]
            y = np.stack(by_channel, axis=2)
        return np.clip(y + self._zero_point(node.output), node.act_min, node.act_max)

    @_compute.register
    def _(self, node: AveragePool) -> Ints:
        x = self._map(node)
        total = windows(x, node.window, node.strides, node.padding, 0).sum(axis=(2, 3))
        inside = windows(np.ones_like(x), node.window, node.strides, node.padding, 0).sum(axis=(2, 3))
        mean = _truncate(total + np.sign(total) * (inside // 2), inside)
        return np.clip(mean, node.act_min, node.act_max)

    @_compute.register
    def _(self, node: Mean) -> Ints:
        mean = rescale(self._distance(node).sum(axis=(0, 1)), node.multiplier, node.shift)
        return np.clip(mean + self._zero_point(node.output), -128, 127)

    @_compute.register
    def _(self, node: MaxPool) -> Ints:
        fields = windows(self._map(node), node.window, node.strides, node.padding, -128)
        return np.clip(fields.max(axis=(2, 3)), node.act_min, node.act_max)

    @_compute.register
    def _(self, node: Add) -> Ints:
        multiplier, shift = node.second
        second = (-multiplier if node.subtract else multiplier, shift)
        total = sum(
            rescale(self._distance(node, number) * (1 << ADD_LEFT_SHIFT), *pair)
            for number, pair in enumerate((node.first, second))
        )
        code = rescale(np.asarray(total), *node.result) + self._zero_point(node.output)
        return np.clip(code, node.act_min, node.act_max)

    @_compute.register
    def _(self, node: Concat) -> Ints:
        return np.concatenate([self._map(node, number) for number in range(len(node.inputs))], axis=2)

    @_compute.register
    def _(self, node: Pad) -> Ints:
        return np.pad(self._map(node), (*node.padding, (0, 0)), constant_values=self._zero_point(node.output))

    @_compute.register
    def _(self, node: Resize) -> Ints:
        x = self._map(node)
        rows, columns = (np.arange(n * f) // f for n, f in zip(x.shape, node.factors, strict=False))
        return x[rows[:, None], columns]

    @_compute.register
    def _(self, node: PRelu) -> Ints:
        x = self._distance(node)
        slope = node.alpha.astype(np.int64) - node.alpha_zero_point
        y = np.where(x >= 0, rescale(x, *node.positive), rescale(x * slope, *node.negative))
        return np.clip(y + self._zero_point(node.output), -128, 127)

    @_compute.register
    def _(self, node: Relu) -> Ints:
        y = rescale(self._distance(node), node.multiplier, node.shift) + self._zero_point(node.output)
        return np.clip(y, node.act_min, node.act_max)

    @_compute.register
    def _(self, node: Lookup) -> Ints:
        return node.codes.astype(np.int64)[self._map(node) + 128]
