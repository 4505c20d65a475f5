"""P-Net on real video through the simulated accelerator: what the tests here share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pnet_video import Pnet

from stillframe.contract import ArrayConfig
from stillframe.driver import Device, open_device


@pytest.fixture(scope="session")
def pnet() -> Pnet:
    """At 60 x 48."""
    return Pnet(48, 60)


@pytest.fixture(scope="session")
def small_pnet() -> Pnet:
    """At 24 x 20: a tenth of the work."""
    return Pnet(20, 24)


@pytest.fixture(scope="session")
def device() -> Iterator[Callable[[str], Device]]:
    """Opens the simulated device of an array, once a session: all programs run on the same instance."""
    devices: dict[str, Device] = {}

    def opened(array: str) -> Device:
        if array not in devices:
            devices[array] = open_device("sim", ArrayConfig.parse(array))
        return devices[array]

    yield opened
    for each in devices.values():
        each.close()
