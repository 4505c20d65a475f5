"""The layer descriptor: what the sequencer loads before it runs a layer.

A program is a list of descriptors. Layer 0 is always ``Op.INPUT``: it describes how frames are encoded.
Activation words (``drain`` elements) lie row by row; in a row the first word of every pixel, then the second
of every pixel, and so on: the *offset* of word j of pixel (y, x) is ``y * pitch + j * width + x``, where
``pitch = words * width``. CODES, EVENTS and STATE all have that shape. A mask word covers word j of
``MASK_COLUMNS`` neighbouring pixels: ``y * mask_pitch + j * mask_words + x // MASK_COLUMNS``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum


class Op(IntEnum):
    """What a layer does."""

    INPUT = 0  # frames from the link to the delta encoder
    MAC = 1  # sums of products: events to the array, requantised; ``depthwise`` or not
    POOL = 2  # maximum over a window of codes; 1 x 1 with a table is an elementwise layer, with padding a PAD
    ADD = 3  # sum or difference of two tensors, each rescaled, requantised
    CONCAT = 4  # the channels of two tensors, one behind the other


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
    """Each field goes into the first word that has room for it."""
    used: list[int] = []
    for name, width, doc in fields:
        bits = abs(width)
        word = next((w for w, n in enumerate(used) if n + bits <= 32), len(used))
        if word == len(used):
            used.append(0)
        yield Field(name, bits, word, used[word], width < 0, doc)
        used[word] += bits


# A negative width marks a two's complement field.
LAYER_FIELDS: dict[str, Field] = {
    f.name: f
    for f in _pack(
        [
            ("op", 3, "Op"),
            ("last", 1, "the last layer of the program"),
            ("use_state", 1, "add events to the stored accumulators and keep the sum (delta mode)"),
            ("skip_still", 1, "do nothing in a frame in which the input tensors did not change"),
            ("evaluate_all", 1, "give every output, touched or not (always so in a key frame)"),
            ("use_table", 1, "put the codes through the activation table"),
            ("table_shared", 1, "one table for all channels"),
            ("round_once", 1, "requantise with one rounding (FULLY_CONNECTED, AVERAGE_POOL_2D)"),
            ("depthwise", 1, "MAC: an output channel reads one input channel"),
            ("fused", 1, "MAC: a second tensor is added to what the layer gives, as by an ADD behind it"),
            ("subtract", 1, "ADD, fused: the second operand is subtracted"),
            ("two_inputs", 1, "ADD, CONCAT, fused: there is a second input tensor"),
            ("out_mode", 2, "Mode of the output tensor"),
            ("out_events", 1, "a later MAC layer reads the output's events: write them"),
            ("in_layer", 8, "index of the layer that wrote the input tensor"),
            ("second_layer", 8, "index of the layer that wrote the second input tensor"),
            # The window, and where the input lies.
            ("kernel_rows", 7, "rows of the kernel or window, 1 to 64; with a second input 2, a row of each"),
            ("row_step", 7, "image rows from one kernel row to the next: dilation; 0 with a second input"),
            ("flag_step", 14, "row flags from one kernel row to the next, modulo 2**14"),
            ("mask_step", 20, "MASKS words from one kernel row to the next, modulo 2**20"),
            ("event_step", 20, "EVENTS words from one kernel row to the next, modulo 2**20"),
            ("code_step", 20, "CODES words from one kernel row to the next, modulo 2**20"),
            ("stride_rows", 6, "rows between neighbouring receptive fields"),
            ("pad_rows", 7, "rows above the image"),
            ("kernel_columns", 7, "columns of the kernel or window, 1 to 64"),
            ("span", 12, "image columns from the kernel's first one to its last: (columns - 1) x dilation"),
            ("dilation", 6, "image columns from one kernel column to the next; 1 where the stride is not 1"),
            ("stride", 6, "columns between neighbouring receptive fields"),
            ("stride_log2", 2, "log2 of the stride, where that is 1, 2, 4 or 8"),
            ("pad", 7, "columns left of the image"),
            ("repeat_rows", 5, "output rows less 1 that share a receptive field (RESIZE)"),
            ("repeat", 5, "output columns less 1 that share a receptive field (RESIZE)"),
            ("in_height", 12, "rows of the input tensor"),
            ("in_width", 12, "columns of the input tensor"),
            ("in_words", 12, "activation words of an input pixel"),
            ("in_pitch", 20, "activation words from one input row to the next"),
            ("in_codes", 20, "CODES word of the input tensor"),
            ("in_events", 20, "EVENTS word of the input tensor"),
            ("in_masks", 20, "MASKS word of the input tensor"),
            ("in_mask_words", 9, "mask words of a channel word in a row of the input: ceil(width / 8)"),
            ("in_mask_pitch", 20, "mask words from one input row to the next"),
            ("in_rows", 14, "row flag of the input tensor's first row"),
            ("in_channels", 12, "INPUT: channels of a pixel on the link"),
            # How a MAC layer is worked off.
            ("share_log2", 2, "log2 of the banks that share an output: each has other input channels"),
            ("block_log2", 2, "log2 of the columns that are worked off together, 1 to 8"),
            ("strip", 12, "output columns that are worked off together; the last strip may have fewer"),
            ("groups", 10, "passes over an output row: of the output channels; depthwise: one an input word"),
            ("pass_words", 7, "activation words of a pixel drained in a full pass"),
            ("last_words", 7, "activation words of a pixel drained in the last pass"),
            ("pass_macs", 8, "multiplications counted for an event in a full pass; depthwise: not used"),
            ("last_macs", 8, "multiplications counted for an event in the last pass; depthwise: not used"),
            ("weights", 20, "WEIGHTS row of the layer's first weight"),
            ("kernel", 20, "WEIGHTS rows of one pass; 0 if all passes share them"),
            ("kernel_row", 20, "WEIGHTS rows of a kernel row; 0 if all rows share them"),
            ("word_row", 16, "WEIGHTS rows of a channel word in a kernel row; 0 in a depthwise layer"),
            ("tap_rows", 6, "WEIGHTS rows from one kernel column to the next; 0 if all share them"),
            ("params", 14, "PARAMS row of the first channels"),
            ("border_rows", 14, "PARAMS rows to go on for each kernel row outside the image"),
            ("border_columns", 12, "PARAMS rows to go on for each kernel column outside the image"),
            ("table", 10, "TABLES block (64 rows) of the first channels"),
            ("state", 20, "STATE word of the first output"),
            # The second input.
            ("second_codes", 20, "CONCAT, fused: CODES word of the second input tensor"),
            ("second_rows", 14, "fused: row flag of the second input tensor's first row"),
            ("second_pitch", 20, "CONCAT: activation words from one row of it to the next"),
            ("second_words", 12, "CONCAT: activation words of a pixel of it"),
            ("in_valid", 6, "CONCAT: channels in an input pixel's last activation word, 1 to drain"),
            ("second_valid", 6, "CONCAT: the same of the second input"),
            ("in_zero_point", -8, "ADD: zero point of the input tensor; fused: of what is added to"),
            ("second_zero_point", -8, "ADD, fused: zero point of the second one"),
            ("in_multiplier", 31, "ADD: Q31 multiplier of the input; fused: of what is added to"),
            ("second_multiplier", 31, "ADD, fused: Q31 multiplier of the second input"),
            ("in_shift", 4, "ADD: right shift of the input, 0 to 15; fused: of what is added to"),
            ("second_shift", 4, "ADD, fused: right shift of the second input, 0 to 15"),
            ("own_min", -8, "fused: smallest code that is added to"),
            ("own_max", -8, "fused: largest code that is added to"),
            # The output.
            ("out_height", 12, "rows of the output tensor"),
            ("out_width", 12, "columns of the output tensor"),
            ("out_words", 12, "activation words of an output pixel"),
            ("out_valid", 6, "channels in an output pixel's last activation word, 1 to drain"),
            ("out_codes", 20, "CODES word of the output tensor"),
            ("out_pitch", 20, "activation words from one output row to the next"),
            ("out_masks", 20, "MASKS word of the output tensor"),
            ("out_mask_words", 9, "mask words of a channel word in a row of the output: ceil(width / 8)"),
            ("out_mask_pitch", 20, "mask words from one output row to the next"),
            ("out_events_base", 20, "EVENTS word of the output tensor"),
            ("out_rows", 14, "row flag of the output tensor's first row"),
            ("threshold", 8, "codes by which a value may differ from the last one sent, unsent"),
            ("out_zero_point", -8, "zero point of the output tensor"),
            ("act_min", -8, "smallest code that the requantiser gives (fused activation)"),
            ("act_max", -8, "largest code that the requantiser gives"),
            ("requant_zero_point", -8, "zero point that the requantiser adds (before a table)"),
            ("macs_dense", 32, "multiplications of a dense pass over taps inside the image"),
            (
                "side_log2",
                2,
                "MAC: log2 of the kernel columns that a bank works on at once; depthwise: 0",
            ),
            ("spread", 1, "INPUT: pixels take turns with the elements of their words, modulo the banks"),
        ]
    )
}
"""Fields by name."""

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
