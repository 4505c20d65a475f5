"""Requests that the compact machine refuses, and a link that loses and damages bytes."""

from __future__ import annotations

import numpy as np
import pytest
from compact_devices import ARRAY, compact_device

from stillframe.contract import ArrayConfig, Memory
from stillframe.contract.memory_map import WRITABLE, columns, rows
from stillframe.contract.packets import Packet, Status, encode
from stillframe.driver import Device, RefusedError
from stillframe.hw.compact import CompactAccelerator
from stillframe.sim.native import open_component

CONFIG = ArrayConfig.parse(ARRAY)


def test_the_array_is_told() -> None:
    compact_device().check(CONFIG)


@pytest.mark.parametrize("memory", [Memory.STATE, Memory.CODES])
def test_words_come_back(memory) -> None:
    device, last = compact_device(), rows(memory, CONFIG) - 3
    device.hello()
    words = np.array([-7, 100, -128], np.int64).astype(np.uint32)
    for row in (0, last):
        device.write(memory, 0, row, words)
        np.testing.assert_array_equal(device.read(memory, 0, row, 3), words)


@pytest.mark.parametrize("memory", Memory)
def test_addresses_outside_are_refused(memory) -> None:
    device = compact_device()
    device.hello()
    places = [(columns(memory, CONFIG), 0), (0, rows(memory, CONFIG)), (0, 1 << 20), (0, (1 << 32) - 1)]
    for column, row in places:
        with pytest.raises(RefusedError) as refused:
            device.write(memory, column, row, np.zeros(1, np.uint32))
        assert refused.value.status == Status.BAD_REQUEST
    if memory not in WRITABLE:
        with pytest.raises(RefusedError):
            device.write(memory, 0, 0, np.zeros(1, np.uint32))


def _answers(*packets: bytes) -> list[int]:
    """Status of the response to each packet on a fresh machine."""
    statuses = []
    with open_component(CompactAccelerator(CONFIG)) as transport:
        for packet in packets:
            transport.write(packet)
            header = transport.read(5)
            body = transport.read(int.from_bytes(header[3:5], "little") + 4)
            statuses.append(body[0])
    return statuses


def test_a_session_is_kept_in_order() -> None:
    hello, begin = encode(Packet.HELLO, 5), encode(Packet.BEGIN, 6, b"\0")
    damaged = hello[:-1] + bytes([hello[-1] ^ 1])
    run = encode(Packet.RUN, 7)
    skipped = encode(Packet.RUN, 9)
    unknown = encode(99, 8)
    noise = bytes(range(100))
    expected = [
        Status.BAD_SEQUENCE,
        Status.BAD_CRC,
        Status.OK,
        Status.NEEDS_KEY,
        Status.NEEDS_KEY,
        Status.BAD_SEQUENCE,
        Status.NOT_BEGUN,
        Status.BAD_REQUEST,
    ]
    assert _answers(begin, damaged, noise + hello, begin, begin, skipped, run, unknown) == expected


def test_the_machine_waits_for_bytes() -> None:
    with open_component(CompactAccelerator(CONFIG), stall=0.5, seed=3) as transport:
        Device(transport).check(CONFIG)
