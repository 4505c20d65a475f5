"""Payloads of the streams between the event finder, the array and the drain."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data

from stillframe.contract.array import ACC_BITS, MASK_BITS, ArrayConfig

TAG = data.StructLayout(
    {
        "offset": 16,  # of the pixel's first word in the output tensor, for this pass
        "row": 16,  # PARAMS row of the pass
        "final": 1,  # last pass over this pixel
        "source": 16,  # CODES word of the window's first pixel
        "span": 16,  # activation words of a window row
        "rows": 6,  # window rows inside the image
    }
)
"""An output pixel (one pass over it) that is to be computed. The last three fields serve pooling."""

MASK_REQUEST = data.StructLayout(
    {
        "address": 16,  # MASKS word
        "block": 16,  # EVENTS block of 32 elements
        "first": 5,  # first element of the word that lies in the kernel row
        "until": 5,  # last element of the word that lies in the kernel row
        "weight": 16,  # WEIGHTS row of the word's element 0 (modulo 2**16)
        "empty": 1,  # no kernel row here, only the end
        "end": 1,  # last word of the receptive field for this pass
        "tag": TAG,
    }
)
"""One mask word's share of a kernel row."""

EVENT_WORD = data.StructLayout(
    {
        "bits": MASK_BITS,  # events, at least one unless null
        "block": 16,
        "weight": 16,
        "final": 1,  # of the last pass
        "null": 1,  # no event: the pixel is evaluated all the same
        "last": 1,  # last word of the receptive field
    }
)
"""The events of one mask word."""

EVENT = data.StructLayout(
    {
        "weight": 16,  # WEIGHTS row
        "value": signed(9),
        "final": 1,
        "null": 1,  # value is 0 and no multiplication is counted
        "last": 1,  # the pixel's sums are complete with this event
    }
)
"""One event for the array."""


def sums(config: ArrayConfig) -> data.StructLayout:
    """The accumulators of all lanes for one pass over a pixel."""
    return data.StructLayout({"acc": data.ArrayLayout(signed(ACC_BITS), config.total_lanes)})


def sum_word(config: ArrayConfig) -> data.StructLayout:
    """One activation word of accumulators; ``row`` is its PARAMS row, ``offset`` its place in the tensor."""
    return data.StructLayout(
        {
            "z": data.ArrayLayout(signed(ACC_BITS), config.drain),
            "row": 16,
            "offset": 16,
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
            "offset": 16,
            "valid": config.drain,
            "last": 1,
        }
    )


def mask_update(config: ArrayConfig) -> data.StructLayout:
    """Which elements of an activation word are events."""
    return data.StructLayout({"offset": 16, "bits": config.drain, "last": 1})
