"""Simulated devices that several programs run on, one after the other."""

from __future__ import annotations

from stillframe.contract import ArrayConfig
from stillframe.driver import Device, open_device


class Devices:
    """Opens the simulated device of an array by its name, once until :meth:`close`."""

    def __init__(self) -> None:
        self._open: dict[str, Device] = {}

    def __call__(self, array: str) -> Device:
        if array not in self._open:
            self._open[array] = open_device("sim", ArrayConfig.parse(array))
        return self._open[array]

    def close(self) -> None:
        """Close all of them; they are opened anew when they are asked for again."""
        while self._open:
            self._open.popitem()[1].close()
