"""Packets out of a device's bytes."""

import random

import pytest
from fake_device import FakeDevice
from fake_links import FakeLink

from stillframe.contract import ArrayConfig
from stillframe.contract.packets import encode
from stillframe.driver.reader import NOISE_BYTES, PacketReader, Response


def reader(data: bytes) -> PacketReader:
    link = FakeLink(FakeDevice(ArrayConfig.parse("1x4")), to_host=lambda _: data)
    link.write(b"")
    return PacketReader(link)


PACKET = encode(0x83, 5, b"\xa5\x00payload")
ANSWER = Response(0x83, 5, b"\xa5\x00payload")


@pytest.mark.parametrize("before", [b"", b"\0\1\2", b"\xa5", b"\xa5\1\2\xff\xff", PACKET[:-1], b"\xa5" * 50])
def test_packet_is_found_behind_anything(before):
    r = reader(before + PACKET + encode(1, 2, b""))
    assert r.next(0) == ANSWER
    assert r.next(0) == (1, 2, b"")
    assert r.next(0) is None
    assert r.received == len(before) + len(PACKET) + 9


def test_packet_is_found_behind_a_longer_one_cut_short():
    assert reader(encode(1, 1, bytes(1000))[:500] + PACKET).next(0) == ANSWER


@pytest.mark.parametrize("position", range(len(PACKET)))
def test_damaged_byte_anywhere_is_noticed(position):
    for bit in range(8):
        data = bytearray(PACKET)
        data[position] ^= 1 << bit
        assert reader(bytes(data)).next(0) is None


def test_missing_byte_anywhere_is_noticed():
    for position in range(len(PACKET)):
        assert reader(PACKET[:position] + PACKET[position + 1 :]).next(0) is None


def test_endless_noise_ends():
    rng = random.Random(1)
    r = reader(rng.randbytes(2 * NOISE_BYTES))
    assert r.next(None) is None
    assert r.received < 1.1 * NOISE_BYTES


def test_discard_forgets_what_came():
    r = reader(PACKET)
    r.discard()
    assert r.next(0) is None
    assert r.received == len(PACKET)
