"""The simulated compact machine, once for all tests."""

from __future__ import annotations

from functools import cache

from stillframe.contract import ArrayConfig
from stillframe.driver import Device, open_device

ARRAY = "1x4@UP5K"


@cache
def compact_device(array: str = ARRAY) -> Device:
    """The device, opened once."""
    assert array == ARRAY
    return open_device("sim", ArrayConfig.parse(array))
