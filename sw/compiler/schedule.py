"""How the array works off a MAC layer: who shares an output, and which columns and pixels go together.

A bank has accumulators for :data:`~stillframe.contract.array.SLOTS` output pixels. The pixels of a row are
drained in order, each once the block of columns that its receptive field ends in is worked off; so the pixels
that a block touches, from the first one that is not complete before it to the last one that it reaches, must
never be more than the slots, or the array waits for the drain and the drain for the array.
"""

from __future__ import annotations

from dataclasses import dataclass

from stillframe.contract import ArrayConfig
from stillframe.contract.array import MASK_COLUMNS, SLOTS

SLACK = 7
"""Slots that a block should leave to pixels that are complete and wait for the drain."""

LEAST_SLACK = 3
"""Slots that blocks of one column must leave to them, before a row is cut into strips."""

STRIP = SLOTS // 2
"""Output columns of a strip: half of the slots, so that a strip is worked off while another is drained."""

MOST_SIDE_BY_SIDE = 8
"""Kernel columns that a bank can be told to work on at once in a convolution."""

PHASED_STRIDES = (1, 2, 4, 8)
"""Column strides of which blocks of more than one column can be worked off, a request for each phase."""


def share(outputs: int, config: ArrayConfig) -> int:
    """Banks that share each output of a convolution with ``outputs`` channels, each with inputs of its own.

    The largest power of two that leaves banks enough for all outputs in one pass; 1 if there are more.
    """
    units = -(-outputs // config.lanes)
    banks = config.banks
    while banks > 1 and units > config.banks // banks:
        banks //= 2
    return banks


def side_by_side(outputs: int, columns: int, stride: int, config: ArrayConfig) -> int:
    """Kernel columns that a bank works on at once in a convolution with ``outputs`` channels, each with lanes
    of its own: a power of two. An array of one bank has nothing for it: 1.

    No more than an event's taps need: its kernel columns are ``stride`` apart.
    """
    side = 1
    while config.banks > 1 and 2 * side * outputs <= config.lanes and side < -(-columns // stride):
        side *= 2
    return min(side, config.taps, MOST_SIDE_BY_SIDE)


@dataclass(frozen=True)
class Blocks:
    """How an output row is cut up.

    Attributes:
        columns: Input columns that are worked off together: 1, 2, 4 or 8.
        strip: Output columns after which the input columns are gone over again from the next ones' first.
    """

    columns: int
    strip: int

    @property
    def log2(self) -> int:
        """log2 of ``columns``."""
        return self.columns.bit_length() - 1


def live_pixels(span: int, stride: int, columns: int) -> int:
    """The most output pixels that a block of ``columns`` columns touches or leaves incomplete.

    Args:
        span: Columns from the kernel's first one to its last.
        stride: Columns between neighbouring receptive fields.
    """
    return (span + columns - 1) // stride + 1


def blocks(span: int, stride: int, width: int) -> Blocks:
    """The blocks and strips of an output row of ``width`` pixels; ``span``, ``stride``: as they are there.

    A mask word is read once a block and a mark goes through every unit behind it, so the largest blocks are
    taken that leave :data:`SLACK` slots. The pixels of a strip alone are within the slots whatever the block.
    """
    if width <= STRIP:
        return Blocks(_largest(stride), width)
    columns = _largest(stride)
    while columns > 1 and live_pixels(span, stride, columns) + SLACK > SLOTS:
        columns //= 2
    if live_pixels(span, stride, columns) + LEAST_SLACK <= SLOTS:
        return Blocks(columns, width)
    return Blocks(_largest(stride), STRIP)


def _largest(stride: int) -> int:
    """The largest block: a whole mask word, if the hardware knows the stride's phases."""
    return MASK_COLUMNS if stride in PHASED_STRIDES else 1
