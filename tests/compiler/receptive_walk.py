"""Where the kernel rows of a layer's outputs lie, as its descriptor has it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from program_image import ADDRESSES, Bools, Fields, Image, Ints

from stillframe.contract.array import MASK_COLUMNS


class KernelRows:
    """The kernel rows of a layer's output rows. Of two inputs they are a row of each.

    Attributes:
        inside: bool (out_height, kernel_rows): the kernel row lies inside the image.
        live: bool, as ``inside``: and its row flag is set.
        codes: As ``inside``: CODES word of the kernel row's first pixel.
    """

    def __init__(self, layer: Fields, image: Image) -> None:
        self._layer, self._image = layer, image
        rows = np.arange(layer.out_height) // (layer.repeat_rows + 1)
        top = (rows * layer.stride_rows - layer.pad_rows)[:, None]
        kernel = np.arange(layer.kernel_rows)
        y = top + kernel * layer.row_step
        self.inside = (y >= 0) & (y < layer.in_height)

        def address(first: int, pitch: int, step: int, size: int) -> Ints:
            return np.where(self.inside, (first + top * pitch + kernel * step) % size, first)

        self.live = self.inside & image.flags[address(layer.in_rows, 1, layer.flag_step, 1 << 14)]
        self.codes = address(layer.in_codes, layer.in_pitch, layer.code_step, ADDRESSES)
        self._masks = address(layer.in_masks, layer.in_mask_pitch, layer.mask_step, ADDRESSES)
        self._events = address(layer.in_events, layer.in_pitch, layer.event_step, ADDRESSES)

    @property
    def rows(self) -> Bools:
        """(out_height,): a kernel row has a row flag."""
        return self.live.any(axis=1)

    def bits(self) -> Bools:
        """Which elements are events, (out_height, kernel_rows, in_words, in_width, drain)."""
        layer, config = self._layer, self._image.config
        group, banks = config.group, config.banks
        words = np.arange(layer.in_words)[:, None] * layer.in_mask_words + np.arange(layer.in_mask_words)
        masks = self._image.masks[self._masks[..., None, None] + words]  # a mask word of each group
        bits = (masks[..., None] >> np.arange(MASK_COLUMNS * group, dtype=np.uint32) & 1).astype(bool)
        bits = bits.reshape(*masks.shape, MASK_COLUMNS, group)  # (..., mask word, group, column, element)
        bits = np.moveaxis(bits, -3, -1)
        bits = bits.reshape(*masks.shape[:-2], layer.in_mask_words * MASK_COLUMNS, group * banks)
        return bits[..., : layer.in_width, :] & self.live[..., None, None, None]

    def values(self) -> npt.NDArray[np.int16]:
        """Event values, in the shape of :meth:`bits`."""
        layer = self._layer
        words = np.arange(layer.in_words)[:, None] * layer.in_width + np.arange(layer.in_width)
        return self._image.events[self._events[..., None, None] + words]
