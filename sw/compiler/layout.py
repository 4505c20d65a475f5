"""How tensors, weights, requantisation parameters and tables lie in words (``docs/architecture.md``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import ArrayConfig
from stillframe.contract.array import MASK_BITS, TABLE_ROWS
from stillframe.contract.memory_map import Param
from stillframe.frontend.graph import Conv, Int8
from stillframe.frontend.shapes import map_shape

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


def pack_weights(conv: Conv, config: ArrayConfig) -> Words:
    """WEIGHTS rows of a convolution, uint32 (rows, columns), four lanes a column."""
    lanes = config.total_lanes
    rows, columns, inputs, outputs = conv.weights.shape
    padded = TensorLayout(1, 1, inputs, config.drain).padded_channels
    groups = passes(outputs, config)
    weights = np.zeros((rows, columns, padded, groups * lanes), np.int8)
    weights[:, :, :inputs, :outputs] = conv.weights
    by_pass = weights.reshape(-1, groups, lanes).transpose(1, 0, 2).reshape(-1, lanes)
    return np.ascontiguousarray(by_pass).view("<u4").astype(np.uint32)


def pack_params(conv: Conv, config: ArrayConfig) -> Words:
    """PARAMS rows of a convolution, uint32 (rows, 3 x drain); elements without a channel hold 0."""
    channels, drain = conv.weights.shape[3], config.drain
    words = -(-channels // drain)
    shift = conv.shift.astype(np.int64)
    params = np.zeros((words * drain, len(Param)), np.int64)
    params[:channels, Param.BIAS] = conv.bias
    params[:channels, Param.MULTIPLIER] = conv.multiplier
    params[:channels, Param.SHIFT] = np.maximum(-shift, 0) | np.maximum(shift, 0) << 8
    return (params & 0xFFFFFFFF).astype(np.uint32).reshape(words, drain * len(Param))


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
