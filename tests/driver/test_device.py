"""Requests over links that are flawless, damaged or dead."""

from dataclasses import replace

import numpy as np
import pytest
from fake_device import CYCLES, FakeDevice
from fake_links import FakeLink, noise, once
from hypothesis import given, settings
from hypothesis import strategies as st

from stillframe.contract import ArrayConfig, Memory, StillframeError
from stillframe.contract.packets import SYNC, Packet, Status, encode
from stillframe.driver import Device, LinkError, RefusedError

CONFIG = ArrayConfig.parse("1x4@25F")


def connected(**faults) -> tuple[Device, FakeLink]:
    """A device in session; the faults begin afterwards."""
    link = FakeLink(FakeDevice(CONFIG))
    device = Device(link)
    device.hello()
    for name, fault in faults.items():
        setattr(link, name, fault)
    return device, link


def test_hello_gives_the_info_memory():
    device, _ = connected()
    assert device.info["magic"] == 0x53544C46
    assert (device.info["banks"], device.info["lanes"], device.info["rows"]) == (1, 4, 1024)
    device.check(CONFIG)
    device.check(replace(CONFIG, part="85F"))


def test_info_begins_a_session_by_itself():
    assert Device(FakeLink(FakeDevice(CONFIG))).info["lanes"] == 4


def test_other_array_is_named():
    device, _ = connected()
    with pytest.raises(StillframeError) as error:
        device.check(ArrayConfig.parse("1x16@25F"))
    assert str(error.value) == (
        "device: expected the array 1x16@25F that the program is compiled for with lanes 16, "
        "drain 2, codes_words 12288, events_words 4096, state_words 7168, weights_words 512, "
        "masks_words 2048; got an array of 1x4 with lanes 4, drain 4, codes_words 6144, events_words 2048, "
        "state_words 2048, weights_words 2048, masks_words 1024\n"
        "  -> compile the model for the device's array (--array), or load the array's bitstream"
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            0,
            "device: expected magic 0x53544c46 in its info memory, got 0x00000009\n"
            "  -> this is not a Stillframe array; check which port and which bitstream it is",
        ),
        (
            1,
            "device: expected protocol version 5, got 9\n"
            "  -> load a bitstream made with this version of Stillframe",
        ),
    ],
)
def test_stranger_is_named(row, message):
    fake = FakeDevice(CONFIG)
    fake.memories[Memory.INFO][0, row] = 9
    with pytest.raises(StillframeError) as error:
        Device(FakeLink(fake)).hello()
    assert str(error.value) == message


def test_words_longer_than_a_packet_come_back():
    device, link = connected()
    words = np.arange(1000, dtype=np.uint32) * 0x01020304
    device.write(Memory.STATE, 2, 33, words)
    np.testing.assert_array_equal(device.read(Memory.STATE, 2, 33, 1000), words)
    np.testing.assert_array_equal(link.device.memories[Memory.STATE][2, 33:1033], words)
    assert device.read(Memory.STATE, 2, 33, 0).shape == (0,)
    assert device.statistics.requests == 2 + 4 + 4


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (
            lambda d: d.write(Memory.INFO, 0, 0, [1]),
            Status.BAD_REQUEST,
            "device: expected WRITE of INFO (column 0, rows 0 to 0) to be carried out, got BAD_REQUEST: "
            "it does not know the request, or the address lies outside its memories\n"
            "  -> check memory, column and row; make sure that bitstream and driver are of the same version",
        ),
        (
            lambda d: d.begin(False),
            Status.NEEDS_KEY,
            "device: expected BEGIN of a frame to be carried out, got NEEDS_KEY: its state is unknown\n"
            "  -> send the frame as a key frame",
        ),
        (
            lambda d: d.inputs(b"\0\0"),
            Status.NOT_BEGUN,
            "device: expected INPUT of 2 bytes to be carried out, got NOT_BEGUN: no frame has begun\n"
            "  -> begin a frame first",
        ),
    ],
)
def test_refusal_says_what_and_why(request_, status, message):
    device, _ = connected()
    with pytest.raises(RefusedError) as error:
        request_(device)
    assert error.value.status == status
    assert str(error.value) == message
    assert device.statistics.retries == 0


def test_run_gives_the_cycles():
    device, _ = connected()
    device.begin(True)
    assert device.run() == CYCLES  # the layer memory's zeros are a frame of no pixels


def test_dead_link_is_reported():
    device, _ = connected(to_device=lambda data: b"")
    with pytest.raises(LinkError) as error:
        device.run()
    assert str(error.value) == (
        "link: expected an answer to RUN, got none that is whole in 8 attempts\n"
        "  -> check power and cable, that nothing else uses the port, and that the bitstream is loaded"
    )
    assert device.statistics.timeouts == 8
    assert device.statistics.retries == 7


@pytest.mark.parametrize("direction", ["to_device", "to_host"])
@pytest.mark.parametrize("damage", ["lost", "halved", "flipped", "tripled"])
def test_request_is_carried_out_once_whatever_happens_to_a_packet(direction, damage):
    fault = {
        "lost": lambda data: b"",
        "halved": lambda data: data[: len(data) // 2],
        "flipped": lambda data: data[:-1] + bytes([data[-1] ^ 1]) if data else data,
        "tripled": lambda data: data * 3,
    }[damage]
    device, link = connected()
    device.begin(True)
    setattr(link, direction, once(0, fault))
    assert device.run() == CYCLES
    assert link.device.runs == 1
    assert device.read(Memory.COUNTERS, 0, 0, 1)[0] == 0
    assert (device.statistics.retries > 0) == (damage != "tripled")


def test_device_that_forgot_the_session_is_noticed():
    device, link = connected()
    link.device.reset()
    with pytest.raises(RefusedError, match="BAD_SEQUENCE"):
        device.begin(True)
    device.hello()
    device.begin(True)
    assert device.statistics.resynchronisations == 1


def test_bytes_left_from_before_are_not_taken_for_answers():
    link = FakeLink(FakeDevice(CONFIG))
    read_info = bytes([Memory.INFO, 0, 0, 0, 13, 0])
    link.write(encode(Packet.HELLO, 1) + encode(Packet.READ, 2, read_info) + encode(Packet.RUN, 3)[:-1])
    device = Device(link)
    device.hello()
    words = list(range(10))
    device.write(Memory.STATE, 0, 0, words)
    assert device.read(Memory.STATE, 0, 0, 10).tolist() == words


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0005, 0.002, 0.01, 0.03]))
def test_noisy_link_gives_right_answers_or_errors(seed, rate):
    """Over 300 requests, so that sequence numbers come round."""
    device, link = connected()
    link.to_device, link.to_host = noise(seed, rate), noise(seed + 1, rate)
    memory: dict[int, int] = {}  # None where a failed request leaves both values possible
    for i in range(300):
        row = i * 7 % 20
        try:
            if i % 3 == 0:
                memory.pop(row, None)
                device.write(Memory.STATE, 0, row, [i])
                memory[row] = i
            elif row in memory:
                assert device.read(Memory.STATE, 0, row, 1)[0] == memory[row]
        except LinkError:
            link.to_device, link.to_host = (lambda data: data), (lambda data: data)
            device.hello()
            link.to_device, link.to_host = noise(seed + i, rate), noise(seed + i + 1, rate)


class DeafLink(FakeLink):
    """A device that hears nothing until it is told to start anew."""

    interrupts = 0

    def interrupt(self) -> None:
        self.interrupts += 1
        self.to_device = lambda data: data


def test_a_deaf_device_is_told_to_start_anew():
    link = DeafLink(FakeDevice(CONFIG), to_device=lambda data: b"")
    assert Device(link, attempts=2).hello()["lanes"] == 4
    assert link.interrupts == 1
    dead = FakeLink(FakeDevice(CONFIG), to_device=lambda data: b"")
    with pytest.raises(LinkError, match="expected an answer to HELLO, got none that is whole in 2 attempts"):
        Device(dead, attempts=2).hello()


def test_a_hello_that_is_damaged_again_and_again_is_no_silence():
    struck = 0

    def strike(data: bytes) -> bytes:
        nonlocal struck
        if data[0] == SYNC and struck < 7:
            struck += 1
            return data[:-1] + bytes([data[-1] ^ 1])
        return data

    device = Device(FakeLink(FakeDevice(CONFIG), to_device=strike))
    assert device.hello()["lanes"] == 4
    assert (device.statistics.damaged_requests, device.statistics.timeouts) == (7, 0)
