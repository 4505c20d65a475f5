"""The simulated compact machine, once for all tests."""

from __future__ import annotations

from functools import cache

from stillframe.contract import ArrayConfig
from stillframe.driver import Device
from stillframe.hw.compact import CompactAccelerator
from stillframe.sim.native import open_component

ARRAY = "1x4@UP5K"


@cache
def compact_device(array: str = ARRAY) -> Device:
    """The device, opened once."""
    assert array == ARRAY
    return Device(open_component(CompactAccelerator(ArrayConfig.parse(array))))
