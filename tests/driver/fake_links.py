"""Links to a fake device: a flawless one, and one that does whatever a test tells it to."""

from __future__ import annotations

import random
from collections.abc import Callable

from fake_device import FakeDevice

from stillframe.driver import Transport

Fault = Callable[[bytes], bytes]


class FakeLink(Transport):
    """Hands bytes over in both directions.

    Args:
        device: What is at the other end.
        to_device, to_host: What becomes of the bytes of each write, and of the device's answer to it.
    """

    def __init__(
        self,
        device: FakeDevice,
        to_device: Fault = lambda data: data,
        to_host: Fault = lambda data: data,
    ) -> None:
        self.device = device
        self.to_device = to_device
        self.to_host = to_host
        self.closed = False
        self.written: list[bytes] = []
        self._arrived = bytearray()

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self._arrived += self.to_host(self.device.feed(self.to_device(data)))

    def read(self, n: int, timeout: float | None = None) -> bytes:
        data = bytes(self._arrived[:n])
        del self._arrived[:n]
        return data

    def close(self) -> None:
        self.closed = True


def noise(seed: int, rate: float) -> Fault:
    """Bytes lost, changed and made up, each with probability ``rate``."""
    rng = random.Random(seed)

    def fault(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            chance = rng.random() / rate
            if chance < 1:
                continue
            if chance < 2:
                byte ^= rng.randrange(1, 256)
            out.append(byte)
            if 2 <= chance < 3:
                out.append(rng.choice((0xA5, rng.randrange(256))))
        return bytes(out)

    return fault


def once(call: int, fault: Fault) -> Fault:
    """A fault that strikes the given call only, counted from 0."""
    calls = iter(range(1 << 30))
    return lambda data: fault(data) if next(calls) == call else data
