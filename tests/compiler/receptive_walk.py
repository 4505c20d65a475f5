"""Where the receptive fields of a layer's outputs lie, as its descriptor has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from program_image import ADDRESSES, Bools, Fields, Image, Ints

from stillframe.contract.array import MASK_BITS


@dataclass(frozen=True)
class Share:
    """What one pass reads of a segment: ``length`` elements from ``channel`` on.

    ``rest`` outputs of the first channel belong to the pass before (depthwise).
    """

    channel: int
    length: int
    rest: int


class Walk:
    """The receptive fields of a layer. Of two inputs the kernel rows are a row of each.

    Attributes:
        inside: bool (out_height, kernel_rows): the kernel row lies inside the image.
        live: bool, as ``inside``: and its row flag is set.
        codes: As ``inside``: CODES word of the kernel row's first pixel.
        left: (out_width,): first element of the field in its row; outside the row where padding is.
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

        mask_pitch = layer.in_pitch * image.drain // MASK_BITS
        self.live = self.inside & image.flags[address(layer.in_rows, 1, layer.flag_step, 1 << 14)]
        self.codes = address(layer.in_codes, layer.in_pitch, layer.code_step, ADDRESSES)
        self._masks = address(layer.in_masks, mask_pitch, layer.mask_step, ADDRESSES)
        self.left = np.arange(layer.out_width) // (layer.repeat + 1) * layer.stride - layer.pad

    @property
    def rows(self) -> Bools:
        """(out_height,): a kernel row has a row flag."""
        return self.live.any(axis=1)

    def bits(self) -> Bools:
        """Change bits of the kernel rows, (out_height, kernel_rows, in_row)."""
        words = np.arange(self._layer.in_pitch * self._image.drain // MASK_BITS)
        masks = self._image.masks[self._masks[:, :, None] + words]
        bits = (masks[..., None] >> np.arange(MASK_BITS, dtype=np.uint32) & 1).astype(bool)
        bits = bits.reshape(*self.live.shape, -1)[:, :, : self._layer.in_row]
        return bits & self.live[:, :, None]

    def values(self) -> npt.NDArray[np.int16]:
        """Event values of the kernel rows, (out_height, kernel_rows, in_row)."""
        layer = self._layer
        blocks = (self._masks + layer.in_events - layer.in_masks) * MASK_BITS // self._image.drain
        values = self._image.events[blocks[:, :, None] + np.arange(layer.in_pitch)]
        return values.reshape(*self.live.shape, -1)[:, :, : layer.in_row]

    def segment(self, number: int, share: Share) -> tuple[Ints, Bools]:
        """Elements of a pass's segment in a row, and which of them lie in the image; (out_width, length)."""
        start = self.left + number * self._layer.segment_step + share.channel
        places = start[:, None] + np.arange(share.length)
        inside = (places >= 0) & (places < self._layer.in_row)
        return np.where(inside, places, 0), inside

    def shares(self) -> Iterator[Share]:
        """What each pass reads: of a convolution all the same, of a depthwise layer channel after channel."""
        layer = self._layer
        if not layer.depthwise:
            yield from [Share(0, layer.segment, 0)] * layer.groups
            return
        outputs = [group * layer.group_rest for group in range(layer.groups + 1)]
        first = [group * layer.group_channels + n // layer.multiplier for group, n in enumerate(outputs)]
        rests = [n % layer.multiplier for n in outputs]
        for group in range(layer.groups):
            end = first[group + 1] + (rests[group + 1] > 0)
            if group == layer.groups - 1:
                end = layer.in_channels
            if group == 0:
                assert end == layer.segment, "the first pass's segment is told apart"
            yield Share(first[group], end - first[group], rests[group])

    def touched(self) -> Bools:
        """(out_height, out_width): an event lies in the receptive field of the pixel."""
        assert self._layer.segments == 1
        places, inside = self.segment(0, Share(0, self._layer.segment, 0))
        return (self.bits()[:, :, places] & inside).any(axis=(1, 3))
