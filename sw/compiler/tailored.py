"""A part's block RAM, shared out for one network."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.array import PARAMS_COPIED
from stillframe.contract.array_name import parse_array
from stillframe.contract.parts import PARTS

from .memory import MemoryUse

STEP = 512
"""Words in which the depth of a block RAM's widest form comes."""


def tailored(config: ArrayConfig, uses: Sequence[MemoryUse]) -> ArrayConfig | None:
    """The same array on the same part with memories as deep as a network needs them; the state, which it can
    use any amount of, has what they leave.

    Args:
        config: The array.
        uses: What the network takes of its memories.

    Returns: None if that is not possible, not different, or if the part's memories are fixed.
    """
    if config.part not in PARTS:
        return None
    # Of wide words' parameters a block RAM has only a few channels side by side.
    params = STEP * PARAMS_COPIED // config.drain if config.params_cache else STEP
    steps = dict.fromkeys(("CODES", "EVENTS", "WEIGHTS", "MASKS", "TABLES"), STEP) | {"PARAMS": params}
    named = ",".join(
        f"{use.name.lower()}={max(1, math.ceil(use.used / steps[use.name])) * steps[use.name]}"
        for use in uses
        if use.name in steps
    )
    try:
        array = parse_array(f"{config.banks}x{config.lanes}@{config.part}:{named}")
    except StillframeError:
        return None
    return None if array == config else array
