"""A part's block RAM, shared out for one network."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.array import TABLE_ROWS
from stillframe.contract.array_name import parse_array
from stillframe.contract.parts import PARTS

from .memory import MemoryUse

DEPTHS = {"CODES": 512, "EVENTS": 512, "WEIGHTS": 512, "MASKS": 512, "PARAMS": TABLE_ROWS, "TABLES": 512}
"""Steps in words in which memories take block RAMs, or less where they take few. TABLES are all of the same
few blocks, if any."""


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
    named = ",".join(
        f"{use.name.lower()}={max(1, math.ceil(use.used / DEPTHS[use.name])) * DEPTHS[use.name]}"
        for use in uses
        if use.name in DEPTHS
    )
    try:
        array = parse_array(f"{config.banks}x{config.lanes}@{config.part}:{named}")
    except StillframeError:
        return None
    return None if array == config else array
