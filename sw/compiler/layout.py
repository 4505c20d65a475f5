"""How tensors, weights, requantisation parameters and tables lie in words (``docs/architecture.md``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import ArrayConfig
from stillframe.contract.array import MASK_COLUMNS, TABLE_ROWS
from stillframe.contract.memory_map import PARAM_COLUMNS, param_columns
from stillframe.frontend.graph import Int8
from stillframe.frontend.shapes import map_shape

from .product import Product
from .schedule import share

Words = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class TensorLayout:
    """A tensor of (height, width, channels) in activation words of ``drain`` elements.

    Attributes:
        words: Activation words of a pixel.
        pitch: Activation words of a row: the first one of every pixel, then the second of every pixel, ...
        mask_words: Mask words of a channel word in a row, each of ``MASK_COLUMNS`` pixels.
        mask_pitch: Mask words of a row.
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
        return self.words * self.width

    @property
    def size(self) -> int:
        """Activation words of the tensor."""
        return self.height * self.pitch

    @property
    def mask_words(self) -> int:
        return -(-self.width // MASK_COLUMNS)

    @property
    def mask_pitch(self) -> int:
        return self.words * self.mask_words

    @property
    def mask_size(self) -> int:
        """Mask words of the tensor."""
        return self.height * self.mask_pitch


def pack_weights(product: Product, stride: int, side: int, config: ArrayConfig) -> Words:
    """WEIGHTS rows of a MAC layer with a column stride that works on ``side`` kernel columns at once, uint32
    (rows, columns), four lanes a column.

    All banks' lanes are counted through: lane l of bank b is lane b * lanes + l of a row.
    """
    if product.weights is None:
        by_lane = np.ones((1, config.total_lanes), np.int8)
    elif product.channelwise:
        by_lane = _channelwise(product.weights[..., 0], stride, config)
    else:
        by_lane = _convolution(_side_by_side(product.dense_weights(), stride, side, config), config)
    return np.ascontiguousarray(by_lane).view("<u4").astype(np.uint32)


def _side_by_side(weights: Int8, stride: int, side: int, config: ArrayConfig) -> Int8:
    """Weights of as many outputs as a bank has lanes, if ``side`` is more than 1: for each lane those of its
    output, of kernel column x + stride * h if it takes the h-th of the columns side by side."""
    if side == 1:
        return weights
    rows, columns, inputs, outputs = weights.shape
    padded = np.zeros((rows, columns + stride * (side - 1), inputs, config.lanes // side), np.int8)
    padded[:, :columns, :, :outputs] = weights
    lanes = [config.output_and_column(lane, side.bit_length() - 1) for lane in range(config.lanes)]
    return np.stack([padded[:, stride * h : stride * h + columns, :, output] for output, h in lanes], axis=3)


def _convolution(weights: Int8, config: ArrayConfig) -> Int8:
    """Rows: pass, kernel row, channel word, kernel column, element of a group's share of it.

    With S banks sharing an output, bank b takes the elements e with e % S == b % S, and its lane l is output
    (b // S) * lanes + l of the pass.
    """
    rows, columns, inputs, outputs = weights.shape
    shared = share(outputs, config)
    units = config.banks // shared
    words, passes = -(-inputs // config.drain), -(-outputs // (units * config.lanes))
    padded = np.zeros((rows, columns, words * config.drain, passes * units * config.lanes), np.int8)
    padded[:, :, :inputs, :outputs] = weights
    channels = (words, config.group, units, shared)  # element s * banks + k * S + class of a word
    split = padded.reshape(rows, columns, *channels, passes, units, config.lanes)
    y, x, word, s, k, member, of_pass, unit, lane = range(9)
    return split.transpose(of_pass, y, word, x, k, s, unit, member, lane).reshape(-1, config.total_lanes)


def _channelwise(weights: Int8, stride: int, config: ArrayConfig) -> Int8:
    """Rows: channel word, kernel row, kernel column x; (rows, columns, channels) weights.

    The lane of lane group t and place s of bank q has the weight of column x + stride * t for element
    s * banks + q.
    """
    rows, columns, channels = weights.shape
    words, taps = -(-channels // config.drain), config.taps
    padded = np.zeros((rows, columns + stride * (taps - 1), words * config.drain), np.int8)
    padded[:, :columns, :channels] = weights
    by_tap = np.stack([padded[:, stride * t : stride * t + columns] for t in range(taps)], axis=2)
    split = by_tap.reshape(rows, columns, taps, words, config.group, config.banks)
    y, x, tap, word, s, bank = range(6)
    order = (bank, s, tap) if config.interleaved else (bank, tap, s)
    return split.transpose(word, y, x, *order).reshape(-1, config.total_lanes)


def pack_params(product: Product, config: ArrayConfig) -> Words:
    """PARAMS rows of a MAC layer, uint32 (borders x rows, 3 x drain); elements without a channel hold 0.

    None is marked as a layer's last.
    """
    (borders, channels), drain = product.bias.shape, config.drain
    words = -(-channels // drain)
    left, right = np.maximum(product.shift, 0), np.maximum(-product.shift, 0)
    bits = {"bias": product.bias, "multiplier": product.multiplier, "right": right, "left": left}
    columns = np.zeros((PARAM_COLUMNS, borders, words * drain), np.int64)
    columns[:, :, :channels] = param_columns(bits)
    by_row = columns.reshape(PARAM_COLUMNS, borders * words, drain).swapaxes(0, 1)
    return by_row.astype(np.uint32).reshape(borders * words, PARAM_COLUMNS * drain)


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
