"""Payloads of the streams between the event finder, the array, the drain and what follows."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data

from stillframe.contract.array import (
    ACC_BITS,
    ADDRESS_BITS,
    MASK_COLUMNS,
    MAX_KERNEL_ROWS,
    SLOTS,
    SUM_BITS,
    ArrayConfig,
)

PIXEL_BITS = 6
"""Output pixels are numbered in the order in which they are drained, through all rows and passes of a layer,
modulo 2**6: banks and drain are never that far apart."""

PLACE_BITS = 13
"""Width of a signed place of an output pixel in its strip."""

LEFT_BITS = SLOTS.bit_length()
"""Width of a number of pixels to the left of one, where an event's taps are for ``SLOTS`` pixels at most."""

KERNEL_ROWS = data.StructLayout(
    {
        "y": 12,  # the output row
        "offset": ADDRESS_BITS,  # of the output row's first word in its tensor
        "mask": ADDRESS_BITS,  # of the output row's first mask word in its tensor
        "masks": ADDRESS_BITS,  # MASKS word of the top kernel row, which may lie above the image
        "events": ADDRESS_BITS,  # MAC: EVENTS word of the top kernel row, likewise
        "codes": ADDRESS_BITS,  # not MAC: CODES word of the first kernel row inside the image
        "inside": 7,  # kernel rows inside the image
        "border": 16,  # PARAMS rows to go on for those outside
        "second": ADDRESS_BITS,  # CONCAT: CODES word of the second input's row
        "live": MAX_KERNEL_ROWS,  # kernel rows inside that have a row flag
        "everything": 1,  # all pixels are to be given, touched or not
    }
)
"""An output row that is to be computed."""

STRIP = data.StructLayout(
    {
        "y": 12,  # the output row
        "x": 12,  # its first column
        "count": 12,  # its columns
        "left": signed(14),  # image column of the first column's receptive field, negative beside the image
        "offset": ADDRESS_BITS,  # of the pass's first word of pixel (y, x) in the output tensor
        "mask": ADDRESS_BITS,  # of the mask word of that channel word and column 0 in the output tensor
        "row": 16,  # PARAMS row of the pass, those for kernel rows outside the image included
        "final": 1,  # the last pass: ``last_words`` are drained, else ``pass_words``
        "everything": 1,  # all pixels are drained, touched or not
    }
)
"""Neighbouring output pixels of a row, in one pass, that the array works off together."""

REQUEST = data.StructLayout(
    {
        "address": ADDRESS_BITS,  # MASKS word
        "events": ADDRESS_BITS,  # EVENTS word of the mask word's column 0
        "columns": MASK_COLUMNS,  # columns to look at; none: nothing is read
        "weight": ADDRESS_BITS,  # WEIGHTS row of the first tap, element 0 of the group
        "tap": 7,  # the first tap's kernel column
        "place": signed(PLACE_BITS),  # of the output pixel that the first tap of column 0 belongs to
        "first": PIXEL_BITS,  # number of the strip's first pixel
        "complete": PIXEL_BITS,  # with ``end``: number of the first pixel that is not complete
        "end": 1,  # after this request all sums before ``complete`` are
        "final": 1,  # of the last pass
    }
)
"""A mask word to look at, or what the end of a block of columns means, or both.

For a column c that is looked at, the first tap belongs to pixel ``place + (c >> stride_log2)`` of the strip.
"""


def event(config: ArrayConfig) -> data.StructLayout:
    """A non-zero element on its way to the array, with where its first tap goes, or a ``mark``.

    In a depthwise layer the elements of a group in one column are an event: a lane multiplies its value of
    them (:meth:`~.ArrayConfig.tap_and_place`). Else all values are the element's, for all lanes.
    """
    return data.StructLayout(
        {
            "mark": 1,  # no event: the sums of all pixels before ``complete`` are complete
            "complete": PIXEL_BITS,
            "weight": ADDRESS_BITS,  # WEIGHTS row of the first tap
            "tap": 7,  # its kernel column
            "pixel": PIXEL_BITS,  # number of its output pixel
            "left": LEFT_BITS,  # pixels of the strip to the left of that one; all ones: that many or more
            "values": data.ArrayLayout(signed(9), config.group),
            "count": range(config.group + 1),  # values that are not 0; 1 where all are the same element's
            "final": 1,  # of the last pass
        }
    )


PLACE = data.StructLayout(
    {
        "y": 12,  # the row
        "mask": ADDRESS_BITS,  # of the mask word of column 0 for the first word drained with this pixel
        "block": 9,  # x // MASK_COLUMNS
        "column": 3,  # x % MASK_COLUMNS
        "first": 1,  # the pixel's first word in this pass
        "last": 1,  # its last one
    }
)
"""Where the mask of an activation word goes. The words of a pixel (in a pass) come one behind the other; the
mask word of the n-th is ``mask + n * out_mask_words + block`` (``mask`` is the same for all of them)."""


def sum_word(config: ArrayConfig) -> data.StructLayout:
    """One activation word of sums to requantise; ``row``: its PARAMS row, ``offset``: place in the tensor."""
    return data.StructLayout(
        {
            "z": data.ArrayLayout(signed(SUM_BITS), config.drain),
            "row": 16,
            "offset": ADDRESS_BITS,
            "valid": config.drain,
        }
    )


def table_word(config: ArrayConfig) -> data.StructLayout:
    """One activation word of codes on its way to the activation table."""
    return data.StructLayout(
        {
            "codes": data.ArrayLayout(signed(8), config.drain),
            "row": 16,
            "offset": ADDRESS_BITS,
            "valid": config.drain,
        }
    )


def code_word(config: ArrayConfig) -> data.StructLayout:
    """A word of new codes on its way to the delta encoder; ``valid`` marks elements that are channels."""
    return data.StructLayout(
        {
            "offset": ADDRESS_BITS,
            "codes": data.ArrayLayout(signed(8), config.drain),
            "valid": config.drain,
        }
    )


def placed(word: data.StructLayout) -> data.StructLayout:
    """A word with its :data:`PLACE`, which leaves it where it enters the pipeline and waits for it there."""
    return data.StructLayout({"word": word, "place": PLACE})


def mask_update(config: ArrayConfig) -> data.StructLayout:
    """Which elements of an activation word are events, and where they go."""
    return data.StructLayout({"bits": config.drain, "place": PLACE})


ACCUMULATOR = signed(ACC_BITS)
"""A lane's accumulator."""
