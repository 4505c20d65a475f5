"""Payloads of the streams between the event finder, the array, the drain and what follows."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data

from stillframe.contract.array import (
    ACC_BITS,
    ADDRESS_BITS,
    MASK_BITS,
    MAX_KERNEL_ROWS,
    SUM_BITS,
    ArrayConfig,
)

KERNEL_ROWS = data.StructLayout(
    {
        "offset": ADDRESS_BITS,  # of the output row's first word in its tensor
        "masks": ADDRESS_BITS,  # MASKS word of the top kernel row, which may lie above the image
        "codes": ADDRESS_BITS,  # CODES word of the first kernel row inside the image
        "inside": 7,  # kernel rows inside the image
        "border": 16,  # PARAMS rows to go on for those outside
        "second": ADDRESS_BITS,  # CONCAT: CODES word of the second input's row
        "live": MAX_KERNEL_ROWS,  # kernel rows inside that have a row flag
    }
)
"""An output row that is to be computed."""

TAG = data.StructLayout(
    {
        "offset": ADDRESS_BITS,  # of the pixel's first word in the output tensor, for this pass
        "row": 16,  # PARAMS row of the pass
        "final": 1,  # last pass over this pixel
        "source": ADDRESS_BITS,  # CODES word of the window's first pixel
        "span": ADDRESS_BITS,  # activation words of a window row; CONCAT: CODES word of the second pixel
        "rows": 7,  # window rows inside the image; 0 if no pixel of the window is
    }
)
"""An output pixel (one pass over it) that is to be computed. The last three fields serve windows of codes."""

MASK_REQUEST = data.StructLayout(
    {
        "address": ADDRESS_BITS,  # MASKS word
        "block": 18,  # EVENTS block of 32 elements
        "first": 5,  # first element of the word that lies in the segment
        "until": 5,  # last element of the word that lies in the segment
        "weight": ADDRESS_BITS,  # WEIGHTS row of the word's element 0, modulo 2**20; depthwise: of all
        "channel": signed(8),  # depthwise: channel of the word's element 0, counted from the pass's first one
        "rest": 3,  # depthwise: outputs of that first channel that belong to the pass before
        "empty": 1,  # no kernel row here, only the end
        "end": 1,  # last word of the receptive field for this pass
        "tag": TAG,
    }
)
"""One mask word's share of a kernel row's segment."""

EVENT_WORD = data.StructLayout(
    {
        "bits": MASK_BITS,  # events, at least one unless null
        "block": 18,
        "weight": ADDRESS_BITS,
        "channel": signed(8),
        "rest": 3,
        "final": 1,  # of the last pass
        "null": 1,  # no event: the pixel is evaluated all the same
        "last": 1,  # last word of the receptive field
    }
)
"""The events of one mask word."""


def event(config: ArrayConfig) -> data.StructLayout:
    """One event for the array: lane l multiplies ``values[l % drain]`` if it is one of those named.

    An event of a convolution is one value for all lanes; one of a depthwise layer with multiplier 1 is an
    activation word for as many lanes, with a greater one a value for its channel's lanes.
    """
    return data.StructLayout(
        {
            "weight": ADDRESS_BITS,  # WEIGHTS row
            "values": data.ArrayLayout(signed(9), config.drain),
            "first_lane": 6,
            "last_lane": 6,
            "macs": 7,  # depthwise: multiplications that count
            "final": 1,
            "null": 1,  # the values are 0 and no multiplication is counted
            "last": 1,  # the pixel's sums are complete with this event
        }
    )


def sums(config: ArrayConfig) -> data.StructLayout:
    """The accumulators of all lanes for one pass over a pixel."""
    return data.StructLayout({"acc": data.ArrayLayout(signed(ACC_BITS), config.total_lanes)})


def sum_word(config: ArrayConfig) -> data.StructLayout:
    """One activation word of sums to requantise; ``row``: its PARAMS row, ``offset``: place in the tensor."""
    return data.StructLayout(
        {
            "z": data.ArrayLayout(signed(SUM_BITS), config.drain),
            "row": 16,
            "offset": ADDRESS_BITS,
            "valid": config.drain,
            "last": 1,
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
            "last": 1,
        }
    )


def mask_update(config: ArrayConfig) -> data.StructLayout:
    """Which elements of an activation word are events."""
    return data.StructLayout({"offset": ADDRESS_BITS, "bits": config.drain, "last": 1})
