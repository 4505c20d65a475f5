"""How tensors, weights, requantisation parameters and tables lie in words (``docs/architecture.md``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import ArrayConfig
from stillframe.contract.array import MASK_BITS, TABLE_ROWS
from stillframe.contract.memory_map import Param
from stillframe.frontend.graph import Int8
from stillframe.frontend.shapes import map_shape

from .product import Product

Words = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class TensorLayout:
    """A tensor of (height, width, channels) in activation words of ``drain`` elements.

    Attributes:
        words: Activation words of a pixel.
        pitch: Activation words from one row to the next: a multiple of 32 elements.
    """

    height: int
    width: int
    channels: int
    drain: int

    @classmethod
    def of(cls, shape: tuple[int, ...], drain: int) -> TensorLayout:
        """The layout of a tensor of the graph; a vector is one pixel."""
        height, width, channels = map_shape(shape)
        return cls(height, width, channels, drain)

    @property
    def words(self) -> int:
        return -(-self.channels // self.drain)

    @property
    def padded_channels(self) -> int:
        """Elements of a pixel, padding included."""
        return self.words * self.drain

    @property
    def last_channels(self) -> int:
        """Channels in a pixel's last activation word."""
        return self.channels - (self.words - 1) * self.drain

    @property
    def pitch(self) -> int:
        aligned = MASK_BITS // self.drain
        return -(-self.width * self.words // aligned) * aligned

    @property
    def size(self) -> int:
        """Activation words of the tensor."""
        return self.height * self.pitch

    @property
    def mask_words(self) -> int:
        """32-bit mask words of the tensor."""
        return self.size * self.drain // MASK_BITS


def passes(channels: int, config: ArrayConfig) -> int:
    """Passes of the array over an output pixel of ``channels`` channels."""
    return -(-channels // config.total_lanes)


def pack_weights(product: Product, config: ArrayConfig) -> Words:
    """WEIGHTS rows of a MAC layer, uint32 (rows, columns), four lanes a column."""
    lanes = config.total_lanes
    groups = passes(product.bias.shape[1], config)
    if product.weights is None:
        by_pass = np.ones((1, lanes), np.int8)
    else:
        rows, columns, inputs, outputs = product.weights.shape
        if product.depthwise:
            inputs, outputs, pixel = 1, inputs * outputs, 1
        else:
            pixel = TensorLayout(1, 1, inputs, config.drain).padded_channels
        weights = np.zeros((rows, columns, pixel, groups * lanes), np.int8)
        weights[:, :, :inputs, :outputs] = product.weights.reshape(rows, columns, inputs, outputs)
        by_pass = weights.reshape(-1, groups, lanes).transpose(1, 0, 2).reshape(-1, lanes)
    return np.ascontiguousarray(by_pass).view("<u4").astype(np.uint32)


def pack_params(product: Product, config: ArrayConfig) -> Words:
    """PARAMS rows of a MAC layer, uint32 (borders x rows, 3 x drain); elements without a channel hold 0."""
    (borders, channels), drain = product.bias.shape, config.drain
    words = -(-channels // drain)
    params = np.zeros((borders, words * drain, len(Param)), np.int64)
    params[:, :channels, Param.BIAS] = product.bias
    params[:, :channels, Param.MULTIPLIER] = product.multiplier
    params[:, :channels, Param.SHIFT] = np.maximum(-product.shift, 0) | np.maximum(product.shift, 0) << 8
    return (params & 0xFFFFFFFF).astype(np.uint32).reshape(borders * words, drain * len(Param))


def pack_sum_params(result: tuple[int, int], words: int, config: ArrayConfig) -> Words:
    """PARAMS rows of an ADD layer: one (multiplier, shift) for all channels."""
    channels = (1, words * config.drain)
    multiplier, shift = (np.full(channels, value, np.int64) for value in result)
    bias = np.zeros(channels, np.int64)
    return pack_params(Product(None, True, bias, multiplier, shift, False, 0, -128, 127), config)


def table_blocks(table: Int8 | None, channels: int, config: ArrayConfig) -> int:
    """TABLES blocks (64 rows) that an activation table takes: one if all channels share it."""
    if table is None:
        return 0
    return 1 if len(table) == 1 else -(-channels // config.drain)


def pack_table(table: Int8, config: ArrayConfig) -> Words:
    """TABLES rows of an activation table (channels or 1, 256), uint32 (rows, drain)."""
    drain = config.drain
    if len(table) == 1:
        columns = np.repeat(table, drain, axis=0)
    else:
        columns = np.zeros((-(-len(table) // drain) * drain, 256), np.int8)
        columns[: len(table)] = table
    words = np.ascontiguousarray(columns).view("<u4").reshape(-1, drain, TABLE_ROWS)
    return np.ascontiguousarray(words.transpose(0, 2, 1)).reshape(-1, drain).astype(np.uint32)
