"""The layer descriptor: what the sequencer loads before it runs a layer.

A program is a list of descriptors. Layer 0 is always ``Op.INPUT``: it describes how frames are encoded.
Offsets inside a tensor count activation words (``drain`` elements) in raster order, each row starting
on a multiple of 32 elements (``pitch``). Since rows are aligned so, mask word ``offset * drain / 32``
covers the elements from ``offset`` on, and the event memory has the same shape as the mask memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum


class Op(IntEnum):
    """What a layer does."""

    INPUT = 0  # frames from the link to the delta encoder
    MAC = 1  # convolution and fully connected: events to the array, requantised
    POOL = 2  # maximum over a window of codes; 1 x 1 with a table is an elementwise layer


class Mode(IntEnum):
    """What the encoder of a tensor calls an event."""

    DELTA = 0  # an element that differs from the last value sent; the event is the difference
    DIRECT = 1  # an element that is not the zero point; the event is its distance from it
    DENSE = 2  # every element; the event is its distance from the zero point


@dataclass(frozen=True)
class Field:
    """One field of the descriptor: ``width`` bits from ``shift`` in 32-bit word ``word``."""

    name: str
    width: int
    word: int
    shift: int
    signed: bool
    doc: str


def _pack(fields: list[tuple[str, int, str]]) -> Iterator[Field]:
    word = shift = 0
    for name, width, doc in fields:
        signed = width < 0
        width = abs(width)
        if shift + width > 32:
            word, shift = word + 1, 0
        yield Field(name, width, word, shift, signed, doc)
        shift += width


# A negative width marks a two's complement field.
LAYER_FIELDS: dict[str, Field] = {
    f.name: f
    for f in _pack(
        [
            ("op", 2, "Op"),
            ("last", 1, "the last layer of the program"),
            ("use_state", 1, "add events to the stored accumulators and keep the sum (delta mode)"),
            ("skip_still", 1, "do nothing in a frame in which the input tensor did not change"),
            ("evaluate_all", 1, "give every output, touched or not (always so in a key frame)"),
            ("use_table", 1, "put the codes through the activation table"),
            ("table_shared", 1, "one table for all channels"),
            ("round_once", 1, "requantise with one rounding (FULLY_CONNECTED)"),
            ("out_mode", 2, "Mode of the output tensor"),
            ("out_events", 1, "a later MAC layer reads the output's events: write them"),
            ("in_layer", 6, "index of the layer that wrote the input tensor"),
            ("kernel_rows", 6, "rows of the kernel or window, 1 to 32"),
            ("in_height", 12, "rows of the input tensor"),
            ("in_row", 20, "elements of an input row without alignment: width x padded channels"),
            ("kernel_row", 20, "elements of a kernel row: kernel width x padded channels"),
            ("in_pitch", 16, "activation words from one input row to the next"),
            ("in_codes", 16, "CODES word of the input tensor"),
            ("in_masks", 16, "MASKS word of the input tensor"),
            ("in_events", 16, "EVENTS block (32 elements) of the input tensor"),
            ("in_rows", 12, "row flag of the input tensor's first row"),
            ("in_words", 12, "activation words of an input pixel"),
            ("stride_rows", 6, "rows between neighbouring receptive fields"),
            ("stride", 16, "elements between neighbouring receptive fields: stride x padded channels"),
            ("pad_rows", 6, "rows above the image"),
            ("pad", 20, "elements left of the image: columns x padded channels"),
            ("out_height", 12, "rows of the output tensor"),
            ("out_width", 12, "columns of the output tensor"),
            ("out_words", 12, "activation words of an output pixel"),
            ("out_valid", 5, "channels in an output pixel's last activation word, 1 to drain"),
            ("groups", 10, "passes of the array over an output pixel: ceil(channels / lanes)"),
            ("group_words", 7, "activation words drained from a full pass"),
            ("last_words", 7, "activation words drained from the last pass"),
            ("last_lanes", 7, "lanes with a channel in the last pass"),
            ("weights", 16, "WEIGHTS row of the layer's first weight"),
            ("kernel", 16, "WEIGHTS rows of one pass: kernel rows x kernel_row"),
            ("params", 16, "PARAMS row of the first channels"),
            ("table", 12, "TABLES block (64 rows) of the first channels"),
            ("state", 16, "STATE word of the first output"),
            ("out_codes", 16, "CODES word of the output tensor"),
            ("out_pitch", 16, "activation words from one output row to the next"),
            ("out_masks", 16, "MASKS word of the output tensor"),
            ("out_events_base", 16, "EVENTS word of the output tensor"),
            ("out_rows", 12, "row flag of the output tensor's first row"),
            ("threshold", 8, "codes by which a value may differ from the last one sent, unsent"),
            ("out_zero_point", -8, "zero point of the output tensor"),
            ("act_min", -8, "smallest code that the requantiser gives (fused activation)"),
            ("act_max", -8, "largest code that the requantiser gives"),
            ("requant_zero_point", -8, "zero point that the requantiser adds (before a table)"),
            ("in_channels", 12, "INPUT: channels of a pixel as the link carries them"),
            ("macs_dense", 32, "multiplications of a dense pass over taps inside the image"),
        ]
    )
}
"""Fields by name, in packing order."""

FIELD_WORDS = 1 + max(f.word for f in LAYER_FIELDS.values())
"""32-bit words of a descriptor that are in use."""


def pack_layer(values: Mapping[str, int]) -> list[int]:
    """Pack field values into ``FIELD_WORDS`` 32-bit words; fields left out are 0.

    Raises:
        KeyError: A name is not a field.
        ValueError: A value does not fit its field.
    """
    words = [0] * FIELD_WORDS
    for name, value in values.items():
        field = LAYER_FIELDS[name]
        low = -(1 << (field.width - 1)) if field.signed else 0
        high = low + (1 << field.width)
        if not low <= value < high:
            raise ValueError(f"field {name}: expected {low} to {high - 1}, got {value}")
        words[field.word] |= (value & ((1 << field.width) - 1)) << field.shift
    return words
