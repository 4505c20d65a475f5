"""What a MAC layer multiplies its events by, and how it requantises: one form for every linear node."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stillframe.frontend.graph import AveragePool, Conv, DepthwiseConv, Graph, Int8, Mean, Pair
from stillframe.frontend.shapes import map_shape

Channels = npt.NDArray[np.intp]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Product:
    """Weights and requantisation of a MAC layer.

    Attributes:
        weights: int8; of a convolution (rows, columns, input channels, output channels), depthwise
            (rows, columns, input channels, multiplier). None if all are 1 (pooling).
        depthwise: An output channel reads one input channel.
        bias, multiplier, shift: int64 (borders, output channels): added to the sum, Q31, TFLite's shift.
            A row for each number of kernel rows outside the image and, within that, of columns.
        round_once: Requantise with one rounding.
        zero_point: That the requantiser adds.
        act_min, act_max: Range of the output's codes.
        borders: Rows of ``bias``: (choices of missing kernel rows, of missing columns).
    """

    weights: Int8 | None
    depthwise: bool
    bias: Int64
    multiplier: Int64
    shift: Int64
    round_once: bool
    zero_point: int
    act_min: int
    act_max: int
    borders: Pair = (1, 1)

    @property
    def depth_multiplier(self) -> int:
        """Output channels of an input channel of a depthwise layer."""
        return self.weights.shape[3] if self.depthwise and self.weights is not None else 1

    @property
    def channelwise(self) -> bool:
        """Whether lanes stand for input channels: depthwise, with one output of each."""
        return self.depthwise and self.depth_multiplier == 1

    def dense_weights(self) -> Int8:
        """Weights as of a plain convolution: 0 where an output does not read an input channel.

        int8 (rows, columns, input channels, output channels).
        """
        assert self.weights is not None, "weights that are all 1 have no shape"
        if not self.depthwise:
            return self.weights
        rows, columns, inputs, multiplier = self.weights.shape
        weights = np.zeros((rows, columns, inputs, inputs, multiplier), np.int8)
        channels = np.arange(inputs)
        weights[:, :, channels, channels] = self.weights
        return weights.reshape(rows, columns, inputs, inputs * multiplier)

    def ordered(self, inputs: Channels, outputs: Channels) -> Product:
        """The same product with its channels in other places, a plain convolution unless it is channelwise.

        Args:
            inputs, outputs: The channel that comes to each place. A channelwise product has the same of both.
        """
        weights, depthwise = self.weights, self.channelwise
        if depthwise:
            assert np.array_equal(inputs, outputs), "each output reads the input in its own place"
            weights = weights if weights is None else weights[:, :, inputs]
        else:
            weights = self.dense_weights()[:, :, inputs][..., outputs]
        return replace(
            self,
            weights=weights,
            depthwise=depthwise,
            bias=self.bias[:, outputs],
            multiplier=self.multiplier[:, outputs],
            shift=self.shift[:, outputs],
        )

    def repeated(self, copies: int) -> Product:
        """The same product of an input that has each channel in ``copies`` places, in one of them at a time:
        all channels, all of them again, and so on. A plain convolution."""
        return replace(self, weights=np.tile(self.dense_weights(), (1, 1, copies, 1)), depthwise=False)


def convolution(graph: Graph, node: Conv | DepthwiseConv) -> Product:
    """Of CONV_2D, FULLY_CONNECTED and DEPTHWISE_CONV_2D."""
    return Product(
        weights=node.weights,
        depthwise=isinstance(node, DepthwiseConv),
        bias=node.bias.astype(np.int64)[np.newaxis],
        multiplier=node.multiplier.astype(np.int64)[np.newaxis],
        shift=node.shift.astype(np.int64)[np.newaxis],
        round_once=isinstance(node, Conv) and node.real_multiplier is not None,
        zero_point=graph.tensors[node.output].zero_point,
        act_min=node.act_min,
        act_max=node.act_max,
    )


def mean(graph: Graph, node: Mean) -> Product:
    """Of MEAN: a sum over the whole map."""
    channels = map_shape(graph.tensors[node.inputs[0]].shape)[2]
    return Product(
        weights=None,
        depthwise=True,
        bias=np.zeros((1, channels), np.int64),
        multiplier=np.full((1, channels), node.multiplier, np.int64),
        shift=np.full((1, channels), node.shift, np.int64),
        round_once=False,
        zero_point=graph.tensors[node.output].zero_point,
        act_min=-128,
        act_max=127,
    )


def average_pool(graph: Graph, node: AveragePool) -> Product:
    """Of AVERAGE_POOL_2D: TFLite divides the sum of the codes themselves by the pixels inside the image.

    So the bias brings the zero point back, once for each pixel, and each number of pixels has its own row.
    What a PAD before the pooling has added is inside for TFLite, and so is not missing here.
    """
    source, target = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    channels = map_shape(source.shape)[2]
    borders = []
    sizes = zip(map_shape(source.shape), map_shape(target.shape), strict=True)
    windows = zip(node.window, node.strides, node.padding, strict=True)
    for (size, outputs), (window, stride, (before, _)) in zip(sizes, windows, strict=False):
        starts = np.arange(outputs) * stride - before
        inside = np.minimum(starts + window, size) - np.maximum(starts, 0)
        borders.append(int(window - inside.min()) + 1)
    counts = [
        (node.window[0] - rows) * (node.window[1] - columns)
        for rows in range(borders[0])
        for columns in range(borders[1])
    ]
    integers = np.array([reciprocal(count) for count in counts], np.int64)
    ones = np.ones((1, channels), np.int64)
    return Product(
        weights=None,
        depthwise=True,
        bias=np.array(counts, np.int64)[:, np.newaxis] * source.zero_point * ones,
        multiplier=integers[:, :1] * ones,
        shift=integers[:, 1:] * ones,
        round_once=True,
        zero_point=0,
        act_min=node.act_min,
        act_max=node.act_max,
        borders=(borders[0], borders[1]),
    )


def reciprocal(count: int) -> Pair:
    """(multiplier, shift) that divide a sum of ``count`` codes by it, rounding once, halves away from zero.

    The multiplier is the next greater than 2**(31 - shift) / count. So a half is a little more than one, on
    either side of zero; nothing else is near enough to a half to cross it, since the sum is within
    128 * count and count below 2**22.
    """
    right = (count - 1).bit_length() - 1
    return (1 << 31 + right) // count + 1, -right


def accumulator_range(product: Product, taps: int, zero_point: int) -> tuple[Int64, Int64]:
    """Least and greatest sum by output channel, bias left out, for an input with ``zero_point``.

    ``taps`` is the kernel's size, which weights that are all 1 do not tell.
    """
    if product.weights is None:
        weights = np.ones((taps, product.bias.shape[1]), np.int64)
    elif product.depthwise:
        weights = product.weights.astype(np.int64).reshape(taps, -1)
    else:
        weights = product.weights.astype(np.int64).reshape(-1, product.weights.shape[3])
    at_low, at_high = weights * (-128 - zero_point), weights * (127 - zero_point)
    return np.minimum(at_low, at_high).sum(axis=0), np.maximum(at_low, at_high).sum(axis=0)
