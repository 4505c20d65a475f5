"""Arrays with small memories: a simulation of them is compiled in a fraction of the time."""

from __future__ import annotations

from dataclasses import replace

from stillframe.contract import ArrayConfig


def small_array(text: str) -> ArrayConfig:
    """The array ``BxL@PART``, all memories of it cut to what a small layer needs."""
    return replace(
        ArrayConfig.parse(text),
        codes_words=512,
        events_words=2048,
        state_words=256,
        weights_words=64,
        params_words=64,
        tables_words=256,
        masks_words=256,
        rows=128,
    )
