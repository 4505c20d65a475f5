"""How a MAC layer goes over the columns of a strip of outputs: block by block, request by request.

All of it is geometry: the same for every kernel row, channel word and pass. What a request leads to are
*taps*, pairs of an input column and a kernel column, each into the accumulator slot of one output pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from program_image import Fields, Ints

from stillframe.contract.array import MASK_COLUMNS, SLOTS


@dataclass(frozen=True)
class Request:
    """A mask word to look at.

    Attributes:
        block: Number of the block in its strip.
        word: Mask word of the row.
        columns: Those to look at, counted from the mask word's first.
        tap: Kernel column of the first tap of each of them.
        place: The first tap of column c belongs to the strip's pixel ``place + (c >> stride_log2)``.
    """

    block: int
    word: int
    columns: tuple[int, ...]
    tap: int
    place: int


@dataclass(frozen=True)
class Taps:
    """Every tap of a strip, int64 (taps,) each, in the order of the requests.

    Attributes:
        block: Of the request.
        column: Input column.
        number: 0 for a column's first tap, 1 for its second, ...
        kernel: Kernel column.
        pixel: Output pixel of the strip.
    """

    block: Ints
    column: Ints
    number: Ints
    kernel: Ints
    pixel: Ints


class Strip:
    """``count`` output pixels of a row from pixel ``first`` on, and how they are worked off."""

    def __init__(self, layer: Fields, first: int, count: int) -> None:
        self.layer, self.first, self.count = layer, first, count
        last = first + count - 1
        self._low = max(0, first * layer.stride - layer.pad)
        self._high = min(layer.in_width - 1, last * layer.stride - layer.pad + layer.span)

    def requests(self) -> Iterator[Request]:
        """The requests for one kernel row and channel word."""
        for number, columns in enumerate(self._blocks):
            together: dict[int, list[int]] = {}
            alone: list[tuple[int, int, int]] = []
            for x in columns:
                tap, pixel, regular = self._first_tap(x)
                if tap < self.layer.kernel_columns:
                    if regular:
                        together.setdefault(tap, []).append(x)
                    else:
                        alone.append((x, tap, pixel))
            for tap, members in sorted(together.items()):
                places = {self._first_tap(x)[1] - self._shifted(x) for x in members}
                (place,) = places  # the same for all of them, or the request could not tell it
                at = tuple(x % MASK_COLUMNS for x in members)
                yield Request(number, members[0] // MASK_COLUMNS, at, tap, place)
            for x, tap, pixel in alone:
                yield Request(number, x // MASK_COLUMNS, (x % MASK_COLUMNS,), tap, pixel - self._shifted(x))

    @property
    def complete_before(self) -> int:
        """The strip's first pixel that sees a column of the image or one beyond it."""
        return self._complete(self._low - 1)

    @cached_property
    def complete(self) -> list[int]:
        """After each block, the strip's first pixel whose sum is not complete."""
        return [*(self._complete(columns[-1]) for columns in self._blocks[:-1]), self.count]

    def _complete(self, x: int) -> int:
        """The strip's first pixel that sees a column to the right of column ``x``."""
        end = (x + self.layer.pad - self.layer.span) // self.layer.stride + 1 - self.first
        return min(max(end, 0), self.count)

    @cached_property
    def taps(self) -> Taps:
        """What the requests lead to; each tap of a plain convolution is among them once."""
        layer = self.layer
        down = layer.dilation if layer.stride == 1 else 1
        found: list[tuple[int, int, int, int, int]] = []
        for request in self.requests():
            for column in request.columns:
                x = request.word * MASK_COLUMNS + column
                pixel = request.place + (column >> layer.stride_log2)
                for number, kernel in enumerate(
                    range(request.tap, layer.kernel_columns, layer.stride),
                ):
                    if 0 <= pixel - number * down < self.count:
                        found.append((request.block, x, number, kernel, pixel - number * down))
        self._check(found)
        return Taps(*np.array(found, np.int64).reshape(-1, 5).T)

    @cached_property
    def _blocks(self) -> list[list[int]]:
        """The columns of each block; a block lies in a mask word."""
        size = 1 << self.layer.block_log2
        first, last = self._low // size, self._high // size
        whole = (range(n * size, (n + 1) * size) for n in range(first, last + 1))
        columns = [[x for x in block if self._low <= x <= self._high] for block in whole]
        return [block for block in columns if block]

    def _shifted(self, x: int) -> int:
        return (x % MASK_COLUMNS) >> self.layer.stride_log2

    def _first_tap(self, x: int) -> tuple[int, int, bool]:
        """Kernel column and pixel of a column's first tap, and whether it may share a request with others."""
        layer, last = self.layer, self.count - 1
        phased = layer.stride == 1 << layer.stride_log2
        position = x + layer.pad - self.first * layer.stride  # from the strip's first receptive field's start
        tap = position % layer.stride
        pixel = position // layer.stride
        if pixel <= last:
            return tap, pixel, phased
        beyond = position - last * layer.stride
        tap = -(-beyond // layer.dilation)
        return tap, last if layer.stride > 1 else last + beyond - tap * layer.dilation, False

    def _check(self, found: list[tuple[int, int, int, int, int]]) -> None:
        """All taps once, none into a pixel that is complete or that has to wait for one of its own block."""
        layer = self.layer
        plain = {
            (x, kernel, pixel)
            for pixel in range(self.count)
            for kernel in range(layer.kernel_columns)
            for x in [(self.first + pixel) * layer.stride - layer.pad + kernel * layer.dilation]
            if 0 <= x < layer.in_width
        }
        assert len(found) == len(plain)
        assert {(x, kernel, pixel) for _, x, _, kernel, pixel in found} == plain
        before = [self.complete_before, *self.complete]
        for block, _, _, _, pixel in found:
            assert before[block] <= pixel < before[block] + SLOTS


@cache
def strips(layer: Fields) -> list[Strip]:
    """The strips of an output row."""
    starts = range(0, layer.out_width, layer.strip)
    return [Strip(layer, start, min(layer.strip, layer.out_width - start)) for start in starts]
