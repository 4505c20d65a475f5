"""Devices by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..contract import ArrayConfig, StillframeError
from .device import Device
from .transport import Transport


def _simulation(config: ArrayConfig, **options: Any) -> Transport:
    # By name, so that the driver does without the simulation's dependencies until somebody asks for it.
    native = importlib.import_module("stillframe.sim.native")
    transport: Transport = native.open_sim(config, **options)
    return transport


TRANSPORTS: dict[str, Callable[..., Transport]] = {"sim": _simulation}
"""What opens a transport, by the device's name; takes the array and the options of :func:`open_device`."""


def check_name(name: str) -> None:
    """See that there is a device of that name, without opening it.

    Raises:
        StillframeError: There is none.
    """
    if name not in TRANSPORTS:
        raise StillframeError(
            f"device: expected one out of {', '.join(sorted(TRANSPORTS))}, got {name!r}",
            "name one of these with --device",
        )


def open_device(name: str, config: ArrayConfig, **options: Any) -> Device:
    """Open a device and see that it is the array ``config``.

    Args:
        name: ``sim`` for the simulated accelerator (options: see ``stillframe.sim.native.open_sim``).
        config: The array that is wanted.
        options: For the transport.

    Raises:
        StillframeError: The name is unknown, or the device cannot be opened, does not answer, or is another
            array.
    """
    check_name(name)
    device = Device(TRANSPORTS[name](config, **options))
    try:
        device.check(config)
    except BaseException:
        device.close()
        raise
    return device
