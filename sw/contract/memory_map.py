"""The memories that a host can write and read, and how their words are cut into 32-bit columns.

The host bus addresses (memory, column, row). A row is one word of the memory; a column 32 bits of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum
from itertools import product
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .array import ACC_BITS, COUNTER_WORDS, LAYER_WORDS, ArrayConfig
from .array_name import MEMORIES
from .errors import StillframeError
from .parts import COMPACT, PARTS, VIRTUAL

Number = TypeVar("Number", int, npt.NDArray[np.int64])


class Memory(IntEnum):
    """Memories on the host bus."""

    LAYERS = 0  # descriptors: row = layer * LAYER_WORDS + word
    WEIGHTS = 1  # column k: lanes 4k to 4k+3 of all banks, a signed byte each, lane 4k lowest
    PARAMS = 2  # columns d, drain+d, 2*drain+d of drained element d: see PARAM_FIELDS
    TABLES = 3  # column d: four int8 codes a row, from code -128 up, lowest byte first
    STATE = 4  # column d: one accumulator, sign-extended
    CODES = 5  # column k: elements 4k to 4k+3 of an activation word, a signed byte each
    COUNTERS = 6  # read only: row = layer * COUNTER_WORDS + Counter
    INFO = 7  # read only: see INFO_WORDS


PARAM_FIELDS = {"bias": 32, "multiplier": 31, "right": 5, "left": 3, "last": 1}
"""Bits of what PARAMS holds for a channel, lowest first: a word of 72. ``bias`` is int32, ``multiplier`` Q31,
0 to 2**31 - 1; of the shifts, in bits, one is 0. ``last`` marks the last element of a layer's last row."""

PARAM_COLUMN_BITS = 27
"""Bits of a channel's word in a column, the last column's 18 included: three and two lanes of a block RAM."""

PARAM_COLUMNS = -(-sum(PARAM_FIELDS.values()) // PARAM_COLUMN_BITS)
"""Columns of a channel's word, lowest bits first."""

PARAM_LAST = 1 << (sum(PARAM_FIELDS.values()) - 1) % PARAM_COLUMN_BITS
"""``last`` in the last column."""


def param_columns(fields: Mapping[str, Number]) -> list[Number]:
    """The columns of a channel's word, of :data:`PARAM_FIELDS`; integers or int64 arrays of one shape."""
    columns = [0 * value for value in list(fields.values())[:1] * PARAM_COLUMNS]
    place = 0
    for name, bits in PARAM_FIELDS.items():
        value = fields[name] & ((1 << bits) - 1) if name in fields else 0
        for column in range(PARAM_COLUMNS):
            shift = place - column * PARAM_COLUMN_BITS
            if -bits < shift < PARAM_COLUMN_BITS:
                part = value << shift if shift >= 0 else value >> -shift
                columns[column] = columns[column] | part & ((1 << PARAM_COLUMN_BITS) - 1)
        place += bits
    return columns


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

PROTOCOL_VERSION = 5
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
            return PARAM_COLUMNS * config.drain
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


def array_of(info: Mapping[str, int]) -> ArrayConfig:
    """The array whose info memory that is, by :data:`INFO_FIELDS`: of the part whose usual memories it has,
    or of the smallest one that has room for them.

    Raises:
        StillframeError: It fits no part that this version knows.
    """
    name = f"{info['banks']}x{info['lanes']}"
    named = ",".join(f"{memory}={info[f'{memory}_words']}" for memory in MEMORIES)
    for memories, part in product(("", f":{named}"), (*PARTS, COMPACT, VIRTUAL)):
        with suppress(StillframeError):  # of the parts that such an array does not fit
            config = ArrayConfig.parse(f"{name}@{part}{memories}")
            if info_words(config) == [info[field] for field in INFO_FIELDS]:
                return config
    raise StillframeError(
        f"device: expected an array with the memories of a part that this version knows, got a {name} with "
        + ", ".join(f"{field} {info[field]}" for field in INFO_FIELDS[4:]),
        "load a bitstream made with this version of Stillframe",
    )
