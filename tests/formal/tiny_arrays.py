"""Arrays as small as they can be: a solver looks at every bit of them."""

from __future__ import annotations

from dataclasses import replace

from stillframe.contract import ArrayConfig


def tiny_array(banks: int = 1, group: int = 2) -> ArrayConfig:
    """``banks`` banks of 4 lanes and groups of ``group`` elements, with a few words of each memory."""
    return replace(
        ArrayConfig.parse(f"{banks}x4@virtual"),
        drain=banks * group,
        codes_words=16,
        events_words=8,
        state_words=8,
        weights_words=8,
        params_words=8,
        tables_words=64,
        masks_words=8,
        rows=16,
    )
