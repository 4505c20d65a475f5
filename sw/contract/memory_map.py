"""The memories that a host can write and read, and how their words are cut into 32-bit columns.

The host bus addresses (memory, column, row). A row is one word of the memory; a column 32 bits of it.
"""

from __future__ import annotations

from enum import IntEnum

from .array import ACC_BITS, COUNTER_WORDS, LAYER_WORDS, ArrayConfig


class Memory(IntEnum):
    """Memories on the host bus."""

    LAYERS = 0  # descriptors: row = layer * LAYER_WORDS + word
    WEIGHTS = 1  # column k: lanes 4k to 4k+3 of all banks, a signed byte each, lane 4k lowest
    PARAMS = 2  # columns 3d, 3d+1, 3d+2 of drained element d: see Param
    TABLES = 3  # column d: four int8 codes a row, from code -128 up, lowest byte first
    STATE = 4  # column d: one accumulator, sign-extended
    CODES = 5  # column k: elements 4k to 4k+3 of an activation word, a signed byte each
    COUNTERS = 6  # read only: row = layer * COUNTER_WORDS + Counter
    INFO = 7  # read only: see INFO_WORDS


class Param(IntEnum):
    """Columns of the requantisation memory within one channel."""

    BIAS = 0  # int32
    MULTIPLIER = 1  # Q31, 0 to 2**31 - 1
    SHIFT = 2  # right shift in bits 0 to 4, left shift in bits 8 to 10; one of them is 0


class Counter(IntEnum):
    """Counters of a layer, for the frame run last."""

    CYCLES = 0  # from the layer's start to its last output; for the input, words encoded
    MACS_ISSUED = 1  # multiplications of events: see pass_macs; in a depthwise layer the same as EVENTS
    MACS_SKIPPED = 2  # macs_dense - issued
    EVENTS = 3  # events x kernel columns that they meet, of each pass


MAX_LEFT_SHIFT = 7
"""Largest left shift of a requantisation multiplier."""

MAGIC = 0x53544C46
"""First word of the info memory: "STLF"."""

PROTOCOL_VERSION = 3
"""Version of the packets, the memory map and the layer descriptor together."""

INFO_FIELDS = (
    "magic",
    "protocol_version",
    "banks",
    "lanes",
    "drain",
    "layers",
    "codes_words",
    "events_words",
    "state_words",
    "weights_words",
    "params_words",
    "tables_words",
    "masks_words",
    "rows",
)
"""Rows of the info memory, in order."""

READABLE = frozenset({Memory.STATE, Memory.CODES, Memory.COUNTERS, Memory.INFO})
"""Memories that READ accepts."""

WRITABLE = frozenset(
    {Memory.LAYERS, Memory.WEIGHTS, Memory.PARAMS, Memory.TABLES, Memory.STATE, Memory.CODES}
)
"""Memories that WRITE accepts."""


def columns(memory: Memory, config: ArrayConfig) -> int:
    """32-bit columns of a memory."""
    match memory:
        case Memory.WEIGHTS:
            return config.total_lanes // 4
        case Memory.PARAMS:
            return 3 * config.drain
        case Memory.TABLES | Memory.STATE:
            return config.drain
        case Memory.CODES:
            return (config.drain + 3) // 4
        case _:
            return 1


def rows(memory: Memory, config: ArrayConfig) -> int:
    """Words of a memory."""
    return {
        Memory.LAYERS: LAYER_WORDS * config.layers,
        Memory.WEIGHTS: config.weights_words,
        Memory.PARAMS: config.params_words,
        Memory.TABLES: config.tables_words,
        Memory.STATE: config.state_words,
        Memory.CODES: config.codes_words,
        Memory.COUNTERS: COUNTER_WORDS * config.layers,
        Memory.INFO: len(INFO_FIELDS),
    }[memory]


def info_words(config: ArrayConfig) -> list[int]:
    """Content of the info memory."""
    values = config.as_dict() | {"magic": MAGIC, "protocol_version": PROTOCOL_VERSION}
    return [int(values[name]) for name in INFO_FIELDS]


STATE_MASK = (1 << ACC_BITS) - 1
"""Bits of an accumulator as the bus writes it."""
