"""The multipliers of every array: lanes, requantisers and the adder of residuals fit the part."""

from __future__ import annotations

from contextlib import suppress

import pytest

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.array import ADD_MULTIPLIERS, DRAIN_MULTIPLIERS
from stillframe.contract.parts import PARTS

ARRAYS = [
    f"{banks}x{lanes}@{part}" for part in PARTS for banks in (1, 2, 4, 8) for lanes in (4, 8, 16, 32, 64)
]


def arrays() -> list[ArrayConfig]:
    """Those that fit."""
    found = []
    for text in ARRAYS:
        with suppress(StillframeError):
            found.append(ArrayConfig.parse(text))
    return found


def test_multipliers_suffice() -> None:
    """With a lane of the adder for each element of a word if there is room for it, else for half of them."""
    configs = arrays()
    assert len(configs) > 20
    for config in configs:
        used = config.total_lanes + DRAIN_MULTIPLIERS * config.drain
        whole, half = (used + ADD_MULTIPLIERS * lanes for lanes in (config.drain, config.drain // 2))
        there = PARTS[config.part].multipliers
        assert (config.add_lanes, config.add_cycles) == (
            (config.drain, 1) if whole <= there else (config.drain // 2, 2)
        ), config.name
        assert min(whole, half) <= there, config.name


@pytest.mark.parametrize(
    ("array", "drain", "lanes"),
    [
        ("1x16@25F", 2, 2),
        ("1x8@25F", 4, 2),
        ("1x16@85F", 4, 4),
        ("4x16@85F", 16, 8),
        ("4x16@virtual", 16, 16),
    ],
)
def test_lanes(array: str, drain: int, lanes: int) -> None:
    config = ArrayConfig.parse(array)
    assert (config.drain, config.add_lanes) == (drain, lanes)


def test_an_array_without_multipliers_for_the_adder_is_refused() -> None:
    with pytest.raises(StillframeError) as raised:
        ArrayConfig.parse("2x32@45F")
    assert str(raised.value) == (
        "array '2x32@45F': expected at most 72 multipliers on an LFE5U-45F, "
        "got 64 lanes + 10 for 2 requantisers and an adder\n  -> choose fewer lanes or a larger part"
    )
