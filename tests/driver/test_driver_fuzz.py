"""Any bytes out of a device: the driver gives the right answer or a StillframeError, and soon."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from damage import damaged
from fake_device import FakeDevice
from fake_program import expected, frames, make_program
from hypothesis import given, settings
from hypothesis import strategies as st

from stillframe.contract import ArrayConfig, Memory, StillframeError
from stillframe.contract.packets import RESPONSE, SYNC, Packet, encode
from stillframe.driver import Device, LinkError, Session, Transport
from stillframe.driver.device import ATTEMPTS, GREETINGS
from stillframe.driver.reader import MAX_PACKET_BYTES, NOISE_BYTES, NOISE_SECONDS
from stillframe.driver.session import RESTARTS

CONFIG = ArrayConfig.parse("1x4@25F")

LESS_NOISE = 3 * MAX_PACKET_BYTES
"""Bytes that are no answer after which an attempt ends here, so that many are tried in a short time."""

PATIENCE = 5.0
"""Seconds of the transport's own patience."""


class Babbler(Transport):
    """A device that does not answer as it should, in a time of its own.

    Args:
        device: Knows the right answers.
        plan: What comes instead of the answer to each write: bytes, or a change of the right answer.
        endless: What it says for ever once the plan is at its end; if empty, it is silent, and if None, it
            answers rightly.
        pace: Seconds that a byte takes.
    """

    def __init__(
        self, device: FakeDevice, plan: list, endless: bytes | None = b"", pace: float = 1e-5
    ) -> None:
        self.now, self.taken, self.requests = 0.0, 0, 0
        self._device, self._plan, self._endless, self._pace = device, list(plan), endless, pace
        self._bytes = b""

    def write(self, data: bytes) -> None:
        answer = self._device.feed(data)
        if data[0] != SYNC:
            return
        self.requests += 1
        if self._plan:
            piece = self._plan.pop(0)
            self._bytes += piece if isinstance(piece, bytes) else changed(answer, *piece)
        elif self._endless is None:
            self._bytes += answer

    def read(self, n: int, timeout: float | None = None) -> bytes:
        wait = PATIENCE if timeout is None else timeout
        if not self._plan and self._endless and (wait or self._pace < 1e-3):
            while len(self._bytes) < n:
                self._bytes += self._endless
        data, self._bytes = self._bytes[:n], self._bytes[n:]
        self.taken += len(data)
        self.now += len(data) * self._pace + (wait if len(data) < n else 0)
        return data

    def clock(self) -> float:
        return self.now

    def close(self) -> None:
        pass


def changed(answer: bytes, kind: str, bit: int, other: bytes) -> bytes:
    """The right answer, and what becomes of it."""
    if not answer:
        return other
    body = bytearray(answer[5:-4])
    match kind:
        case "twice":
            return answer + answer
        case "behind":
            return other + answer
        case "payload":  # a packet whose CRC is right, and whose content is not
            return encode(answer[1], answer[2], other)
        case "status":
            return encode(answer[1], answer[2], bytes([bit % 256]) + bytes(body[1:]))
        case "sequence":
            return encode(answer[1], answer[2] + bit % 255 + 1 & 255, bytes(body))
        case "type":
            return encode(bit % 256, answer[2], bytes(body))
    return damaged(answer, kind, bit, other)


CHANGES = st.tuples(
    st.sampled_from(
        ["none"] * 3 + ["flip", "cut", "insert", "twice", "behind", "payload", "status", "sequence", "type"],
    ),
    st.integers(0, 1 << 13),
    st.binary(max_size=20),
)
NOISE = st.lists(st.just(SYNC) | st.integers(0, 255), max_size=60).map(bytes)
HARMLESS = CHANGES.filter(lambda change: change[0] not in ("payload", "status"))
"""What a link may do; the others are lies of the device, which no CRC tells from the truth."""

ENDLESS = st.sampled_from(
    [
        b"",
        b"\0",
        b"\xa5",
        b"\xa5\x86\x01\x00\x04",
        b"log: ready\r\n",
        encode(Packet.RUN | RESPONSE, 3, bytes(5)),
        encode(Packet.HELLO | RESPONSE, 77, b"\0"),
    ]
)
PACE = st.sampled_from([1e-6, 1e-4, 1e-2, 0.5])


def longest(requests: int, pace: float) -> float:
    """Seconds after which so many requests have been given up: each attempt listens for as long as there are
    bytes that are no answer, then perhaps to a packet that has begun, and waits as long as it is patient."""
    return requests * (ATTEMPTS + 1) * (NOISE_SECONDS + 2 * MAX_PACKET_BYTES * pace + PATIENCE)


@patch("stillframe.driver.reader.NOISE_BYTES", LESS_NOISE)
@settings(deadline=None, max_examples=100)
@given(st.lists(NOISE | CHANGES, max_size=30), ENDLESS, PACE, st.integers(0, 3))
def test_a_request_is_answered_or_given_up(plan: list, endless: bytes, pace: float, which: int) -> None:
    link = Babbler(FakeDevice(CONFIG), plan, endless, pace)
    device = Device(link)
    requests = (
        lambda: device.read(Memory.STATE, 0, 0, 300),
        lambda: device.write(Memory.STATE, 0, 0, [1, 2, 3]),
        lambda: device.begin(True),
        device.run,
    )
    with suppress(StillframeError):
        device.hello()
        requests[which]()
    assert link.now < longest(1 + 1 + 1 + 2, pace)
    assert link.taken < (link.requests + 2) * (LESS_NOISE + 2 * MAX_PACKET_BYTES)


@settings(deadline=None, max_examples=100)
@given(st.lists(NOISE | HARMLESS, max_size=60), st.integers(0, 2**32 - 1))
def test_an_answer_of_a_frame_is_right_or_there_is_none(plan: list, seed: int) -> None:
    program = make_program(CONFIG)
    link = Babbler(FakeDevice(CONFIG), [], None)
    session = Session(Device(link), program)
    link._plan = list(plan)
    for frame in frames(np.random.default_rng(seed), 4, program):
        before = link.now
        try:
            result = session.run(frame)
        except LinkError:
            pass
        else:
            np.testing.assert_array_equal(result.outputs["sum"], expected(frame))
        assert link.now - before < longest(20 * (RESTARTS + 1), 1e-5)
    link._plan = []
    np.testing.assert_array_equal(session.run(frame).outputs["sum"], expected(frame))


def test_an_answer_that_cannot_be_is_none() -> None:
    """A damaged request's answer says nothing else; fuzz_driver.py found one that did."""
    link = Babbler(FakeDevice(CONFIG), [encode(Packet.HELLO | RESPONSE, 1, b"\1\0")])
    with pytest.raises(LinkError, match="expected an answer to HELLO"):
        Device(link).hello()
    assert link.requests == 2 * GREETINGS


@pytest.mark.parametrize("pace", [1e-5, 1 / 80])
@pytest.mark.parametrize("chatter", [b"$GPGGA,123519,4807.038,N\r\n", encode(0x81, 200, b"\0")])
def test_a_stranger_that_never_stops_talking_is_given_up(chatter: bytes, pace: float) -> None:
    link = Babbler(FakeDevice(CONFIG), [], chatter, pace)
    with pytest.raises(LinkError, match="expected an answer to HELLO, got none that is whole in 3 attempts"):
        Device(link).hello()
    assert link.requests == 2 * GREETINGS
    assert link.now < 2 * (GREETINGS + 1) * (NOISE_SECONDS + 1)
    assert link.taken < 2 * (GREETINGS + 1) * (NOISE_BYTES + MAX_PACKET_BYTES)


def test_a_device_that_never_answers_is_given_up() -> None:
    link = Babbler(FakeDevice(CONFIG), [])
    with pytest.raises(LinkError, match="expected an answer to HELLO"):
        Device(link).hello()
    assert link.now == pytest.approx(2 * GREETINGS * PATIENCE)


def test_bytes_that_take_new_ways_through_the_driver(tmp_path: Path) -> None:
    """Some that Atheris finds; ``fuzz_driver.py`` runs for as long as one likes."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install 'stillframe[fuzz]'")
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(Path(__file__).with_name("fuzz_driver.py")),
        "-runs=3000",
        "-seed=1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done 3000 runs" in done.stderr
