"""Names of arrays: ``BxL@PART``, and what memories that stands for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from .array import (
    ACC_BITS,
    ADD_MULTIPLIERS,
    ADDRESS_BITS,
    DRAIN_MULTIPLIERS,
    MAX_BANKS,
    TABLE_ROWS,
    ArrayConfig,
)
from .block_rams import block_rams, registered_block_rams
from .errors import StillframeError
from .parts import COMPACT, NARROW, PARTS, VIRTUAL, WIDE, WIDE_DRAIN, Part

MEMORIES = ("codes", "events", "state", "weights", "params", "tables", "masks")
"""Memories whose words can be named in an array's name; their fields end in ``_words``."""


def parse_array(text: str) -> ArrayConfig:
    """The array that is called ``BxL``, ``BxL@PART`` (85F when none is named; ``virtual`` is simulated only)
    or ``BxL@PART:MEMORY=WORDS,..``, where memories that are not named have their usual depth, and the state
    what the others leave.

    Raises:
        StillframeError: The text has another form, names an unknown part or memory, or the array does not
            fit the part.
    """
    match = re.fullmatch(r"(\d{1,3})x(\d{1,3})(?:@(\w+))?(?::(.*))?", text)
    if not match:
        raise StillframeError(
            f"array: expected BxL or BxL@PART (banks x lanes), got {text!r}",
            "for example --array 1x16, --array 2x8 or --array 1x16@25F",
        )
    banks, lanes, part_name = int(match[1]), int(match[2]), match[3] or "85F"
    if part_name not in (*PARTS, COMPACT, VIRTUAL):
        known = ", ".join((*PARTS, COMPACT, VIRTUAL))
        raise StillframeError(
            f"array {text!r}: expected a part out of {known}, got {part_name!r}",
            "name one of these, or leave @PART out for an 85F",
        )
    powers = [1 << n for n in range(7)]
    if banks not in powers or lanes not in powers or banks > MAX_BANKS or lanes < 4:
        raise StillframeError(
            f"array {text!r}: expected 1, 2, 4 or {MAX_BANKS} banks of 4, 8, 16, 32 or 64 lanes, "
            f"got {banks} banks of {lanes}",
            "for example 1x16, 2x8 or 4x16",
        )
    if banks * lanes > 128:
        raise StillframeError(
            f"array {text!r}: expected at most 128 lanes in all, got {banks} x {lanes} = {banks * lanes}",
            "choose fewer banks or lanes, for example 4x16 or 8x16",
        )
    named = {} if match[4] is None else _named_memories(match[4], text)
    if part_name == VIRTUAL:
        return replace(_virtual(banks, lanes), **named)
    if part_name == COMPACT:
        return _compact(banks, lanes, named, text)
    return _fit(banks, lanes, PARTS[part_name], named, text)


def array_name(config: ArrayConfig) -> str:
    """The name that gives this array: with its memories only if they are not the usual ones."""
    plain = f"{config.banks}x{config.lanes}@{config.part}"
    words, usual = _words(config), _words(_usual(plain))
    if words == usual:
        return plain
    named = [f"{m}={words[m]}" for m in MEMORIES if m == "state" or words[m] != usual[m]]
    return f"{plain}:{','.join(named)}"


@cache
def _usual(name: str) -> ArrayConfig:
    return parse_array(name)


def _words(config: ArrayConfig) -> dict[str, int]:
    """Words of the memories that can be named."""
    return {memory: getattr(config, f"{memory}_words") for memory in MEMORIES}


def _named_memories(text: str, array: str) -> dict[str, Any]:
    """``MEMORY=WORDS,..`` as fields."""
    fields: dict[str, Any] = {}
    for item in text.split(","):
        match = re.fullmatch(r"(\w+)=(\d{1,7})", item)
        if not match or match[1] not in MEMORIES or f"{match[1]}_words" in fields:
            raise StillframeError(
                f"array {array!r}: expected MEMORY=WORDS with each memory once, out of "
                f"{', '.join(MEMORIES)}, got {item!r}",
                "for example --array 4x16@85F:codes=6656,masks=1024; state gets what the others leave",
            )
        words = int(match[2])
        if not 0 < words <= 1 << ADDRESS_BITS or words % TABLE_ROWS:
            raise StillframeError(
                f"array {array!r}: expected a multiple of {TABLE_ROWS} words, up to {1 << ADDRESS_BITS}, "
                f"got {item!r}",
                "block RAMs come in steps of 512 words",
            )
        fields[f"{match[1]}_words"] = words
    return fields


def _virtual(banks: int, lanes: int) -> ArrayConfig:
    drain = 4 * banks
    return ArrayConfig(
        banks=banks,
        lanes=lanes,
        drain=drain,
        part=VIRTUAL,
        layers=256,
        codes_words=(1 << 20) // drain,
        events_words=(1 << 19) // drain,
        state_words=(1 << 20) // drain,
        weights_words=(1 << 19) // (banks * lanes),
        params_words=(1 << 15) // drain,
        tables_words=1 << 14,
        masks_words=(1 << 18) // drain,
        rows=1 << 12,
    )


def _compact(banks: int, lanes: int, named: Mapping[str, Any], text: str) -> ArrayConfig:
    """The compact machine. The state takes what is left of 128 KB; the other memories are chosen so that the
    occupancy network at 96 x 72 fits with its first layer in delta mode."""
    if (banks, lanes) != (1, 4):
        raise StillframeError(
            f"array {text!r}: expected 1 bank of 4 lanes on an iCE40{COMPACT}, got {banks} banks of {lanes}",
            f"take 1x4@{COMPACT}",
        )
    if named:
        raise StillframeError(
            f"array {text!r}: expected no memories to be named, those of an iCE40{COMPACT} are fixed",
            f"take 1x4@{COMPACT}",
        )
    return ArrayConfig(
        banks=1,
        lanes=4,
        drain=1,
        part=COMPACT,
        layers=16,
        codes_words=34 << 10,
        events_words=7 << 10,
        state_words=13952,
        weights_words=4096,
        params_words=160,
        tables_words=1024,
        masks_words=6 << 10,
        rows=512,
    )


def _fit(banks: int, lanes: int, part: Part, named: Mapping[str, Any], text: str) -> ArrayConfig:
    total = banks * lanes
    drain = 4 * banks
    each = DRAIN_MULTIPLIERS + ADD_MULTIPLIERS // 2  # at least: the adder may have half as many lanes
    least = max(banks, 2)
    while drain > least and total + each * drain > part.multipliers:
        drain //= 2
    if total + each * drain > part.multipliers:
        raise StillframeError(
            f"array {text!r}: expected at most {part.multipliers} multipliers on an LFE5U-{part.name}, "
            f"got {total} lanes + {each * least} for {least} requantisers and an adder",
            "choose fewer lanes or a larger part",
        )
    blocks = part.block_rams
    shares = WIDE if drain >= WIDE_DRAIN else NARROW
    elements = 2048  # codes or deltas of one block, 9 bits each
    weight_blocks = banks * block_rams(512, 8 * lanes, max(1, lanes // 4))
    large = blocks >= 100
    without_state = ArrayConfig(
        banks=banks,
        lanes=lanes,
        drain=drain,
        part=part.name,
        layers=64 if large else 32,
        codes_words=int(blocks * shares.codes) * elements // drain,
        events_words=int((blocks - 16) * shares.events) * elements // drain,
        state_words=0,
        weights_words=max(1, int(blocks * shares.weights) // weight_blocks) * 512,
        params_words=min(512, shares.params // drain),
        tables_words=1024 if large and drain < WIDE_DRAIN else 512,
        masks_words=math.ceil(blocks * shares.masks) * elements // drain,
        rows=1024,
    )
    without_state = replace(without_state, **{**named, "state_words": 0})

    def state_blocks(words: int) -> int:
        return registered_block_rams(words, ACC_BITS * drain, drain)

    least_state = named.get("state_words", 512)
    while (
        without_state.block_rams + state_blocks(least_state) > blocks
        and without_state.codes_words > elements
        and "codes_words" not in named
    ):
        # The least state there can be comes before all of the codes' share.
        fewer = without_state.codes_words - elements // drain
        without_state = replace(without_state, codes_words=fewer)
    left = blocks - without_state.block_rams
    if state_blocks(least_state) > left:
        raise StillframeError(
            f"array {text!r}: expected at most {blocks} block RAMs on an LFE5U-{part.name}, "
            f"got {without_state.block_rams} and {state_blocks(least_state)} for {least_state} STATE words",
            "choose fewer lanes, a larger part or smaller memories",
        )
    if "state_words" in named:
        return replace(without_state, state_words=least_state)
    depths = range(512, 1 << 16, 512)
    return replace(without_state, state_words=max(n for n in depths if state_blocks(n) <= left))
