"""Devices by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..contract import ArrayConfig, StillframeError
from ..contract.memory_map import array_of
from .device import Device
from .transport import Transport

Opener = Callable[..., Transport]
"""Opens a transport; takes the array, the address behind the kind, and the options of :func:`open_device`."""


def _simulation(config: ArrayConfig, address: str, **options: Any) -> Transport:
    # By name, so that the driver does without the simulation's dependencies until somebody asks for it.
    if address:
        raise StillframeError(f"device sim: expected no address, got {address!r}", "name it sim")
    native = importlib.import_module("stillframe.sim.native")
    transport: Transport = native.open_sim(config, **options)
    return transport


def _serial(config: ArrayConfig | None, address: str, on_status: object = None) -> Transport:
    serial_port = importlib.import_module("stillframe.driver.serial_port")
    transport: Transport = serial_port.open_serial(address)
    return transport


def _simulated_serial(config: ArrayConfig, address: str, **options: Any) -> Transport:
    simserial = importlib.import_module("stillframe.sim.simserial")
    transport: Transport = simserial.open_simserial(config, address, **options)
    return transport


TRANSPORTS: dict[str, Opener] = {
    "sim": _simulation,
    "serial": _serial,
    "simserial": _simulated_serial,
}
"""What opens a transport, by the device's kind."""

SIMULATED = frozenset({"sim", "simserial"})
"""Kinds of devices that become the array asked for. The others are one, and are opened for None, too."""


def check_name(name: str) -> None:
    """See that there is a kind of device of that name, without opening it.

    Raises:
        StillframeError: There is none.
    """
    if name.partition(":")[0] not in TRANSPORTS:
        raise StillframeError(
            f"device: expected one out of {', '.join(sorted(TRANSPORTS))}, got {name!r}",
            "name one of these with --device, for example --device serial:/dev/ttyUSB0",
        )


def open_device(name: str, config: ArrayConfig, **options: Any) -> Device:
    """Open a device and see that it is the array ``config``.

    Args:
        name: ``sim`` for the simulated accelerator (options: see ``stillframe.sim.native.open_sim``), or
            ``serial``, ``serial:PATH``, ``serial:PATH?baud=RATE`` for a board (see
            :func:`~stillframe.driver.serial_port.open_serial`), or ``simserial``,
            ``simserial:BOARD`` for a board simulated at its UART's pins behind a pseudo-terminal (see
            ``stillframe.sim.simserial``).
        config: The array that is wanted.
        options: For the transport.

    Raises:
        StillframeError: The name is unknown, or the device cannot be opened, does not answer, or is another
            array.
    """
    check_name(name)
    kind, _, address = name.partition(":")
    device = Device(TRANSPORTS[kind](config, address, **options))
    try:
        device.check(config)
    except BaseException:
        device.close()
        raise
    return device


def find_array(name: str) -> ArrayConfig | None:
    """The array that a device is; None if it is simulated, and becomes whatever is asked for.

    Args:
        name: As for :func:`open_device`; the device is open no longer than it takes to ask it.

    Raises:
        StillframeError: The name is unknown, or the device cannot be opened, does not answer, or is none of
            the arrays that this version knows.
    """
    check_name(name)
    kind, _, address = name.partition(":")
    if kind in SIMULATED:
        return None
    with Device(TRANSPORTS[kind](None, address)) as device:
        return array_of(device.info)
