"""The serial transport, pyserial included, on pseudo-terminals: a device, cables pulled, addresses."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_device import FakeDevice
from fake_links import FakeLink
from fake_program import expected, frames, make_program
from serial.tools import list_ports

from stillframe.contract import ArrayConfig, Memory, StillframeError
from stillframe.contract.boards import BOARDS
from stillframe.contract.memory_map import WRITABLE
from stillframe.driver import Device, LinkError, Session, open_device
from stillframe.driver.ports import list_boards, only_board
from stillframe.driver.serial_port import SerialTransport, open_serial

CONFIG = ArrayConfig.parse("1x16")


class Cable:
    """A pseudo-terminal with a fake device behind it, at a path that stays when it is plugged in again.

    Attributes:
        device: What is at the other end.
        answer: What comes back when the device has been given these bytes.
    """

    def __init__(self, path: Path, device: FakeDevice) -> None:
        self.path, self.device = path, device
        self.answer: Callable[[bytes], bytes] = lambda data: self.device.feed(data)
        self._master = -1
        self.plug()

    def plug(self) -> None:
        self._master, port = os.openpty()
        tty.setraw(port)
        name = os.ttyname(port)
        self._port = port
        fresh = self.path.with_suffix(".new")
        fresh.symlink_to(name)
        fresh.replace(self.path)
        self._pulled, self._wake = threading.Event(), os.pipe()
        served = self._master, self._wake[0], self._pulled
        self._server = threading.Thread(target=self._serve, args=served, daemon=True)
        self._server.start()

    def pull(self) -> None:
        """The line's descriptors get their numbers anew: nobody may read from them any more."""
        master, self._master = self._master, -1
        self.path.unlink()
        self._pulled.set()
        os.write(self._wake[1], b"!")
        if threading.current_thread() is not self._server:
            self._server.join(timeout=1)
        for descriptor in (self._port, master, *self._wake):
            os.close(descriptor)

    def _serve(self, master: int, wake: int, pulled: threading.Event) -> None:
        while not pulled.is_set():
            ready, _, _ = select.select([master, wake], [], [])
            if wake in ready:
                return
            try:
                answer = self.answer(os.read(master, 4096))
                while answer and not pulled.is_set():
                    answer = answer[os.write(master, answer) :]
            except OSError:
                return  # pulled while it wrote


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path / "ttyUSB0", FakeDevice(CONFIG))
    yield cable
    if cable.path.is_symlink():
        cable.pull()


def test_a_device_behind_a_port(cable: Cable) -> None:
    with open_device(f"serial:{cable.path}?baud=115200", CONFIG) as device:
        words = list(range(1000))
        device.write(Memory.STATE, 0, 3, words)
        assert list(device.read(Memory.STATE, 0, 3, len(words))) == words
        assert device.statistics.retries == 0


def test_read_returns_what_is_there_when_the_time_is_over(cable: Cable) -> None:
    with SerialTransport(str(cable.path), 115200) as transport:
        os.write(cable._master, b"abc")
        assert transport.read(5, 0.2) == b"abc"
        assert transport.read(1, 0) == b""
        os.write(cable._master, b"defg")
        assert transport.read(2, 1) == b"de"
        time.sleep(0.05)
        assert transport.read(9, 0) == b"fg"


def test_a_cable_that_is_pulled_and_plugged_in_again(cable: Cable) -> None:
    transport = SerialTransport(str(cable.path), 115200, patience=0.2)
    with Device(transport) as device:
        device.hello()
        cable.pull()
        threading.Timer(0.3, cable.plug).start()
        with pytest.raises(LinkError) as error:
            device.write(Memory.STATE, 0, 0, [7])
        assert str(error.value) == (
            "link: expected the line to last during WRITE of STATE (column 0, rows 0 to 0), got it lost and "
            "found again\n  -> begin a session: another device may be at the other end"
        )
        device.hello()
        device.write(Memory.STATE, 0, 0, [7])
        assert list(device.read(Memory.STATE, 0, 0, 1)) == [7]
        assert transport.reconnections == 1


def in_frame(cable: Cable, request: int, event: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Answers until the frame's request of that number, which is what ``event`` is for."""
    left = request + 1

    def answer(data: bytes) -> bytes:
        nonlocal left
        answers = cable.device.feed(data)
        left -= bool(answers)
        return event(answers) if answers and left == 0 else answers

    return answer


def other_board(cable: Cable, event: str) -> FakeDevice:
    """What is plugged in instead of the cable's device."""
    if event == "the same":
        return cable.device
    fresh = FakeDevice(CONFIG)
    if event == "another program":
        # In a session by chance, with the sequence number that is the next one here, and a known state.
        Session(Device(FakeLink(fresh)), make_program(CONFIG)).run(np.zeros((3, 5, 3), np.int8))
        fresh.memories[Memory.WEIGHTS][0, 0] += 1
        fresh._last = cable.device._last
    return fresh


@pytest.mark.parametrize("event", ["the same", "just switched on", "another program"])
@pytest.mark.parametrize("request_", range(5))
def test_a_cable_that_is_pulled_in_a_frame(cable: Cable, request_: int, event: str) -> None:
    """A delta frame is BEGIN, INPUT, RUN, COUNTERS, CODES; half of the answer to one of them comes."""

    def pull(answer: bytes) -> bytes:
        os.write(cable._master, answer[: len(answer) // 2])
        cable.pull()
        cable.device = other_board(cable, event)
        cable.answer = cable.device.feed
        threading.Timer(0.05, cable.plug).start()
        return b""

    with SerialTransport(str(cable.path), 115200, patience=0.3) as transport:
        session = Session(Device(transport), make_program(CONFIG))
        first, second, third = frames(np.random.default_rng(1), 3, session.program)
        session.run(first)
        cable.answer = in_frame(cable, request_, pull)
        results = [session.run(second), session.run(third)]
        for frame, result in zip((second, third), results, strict=True):
            np.testing.assert_array_equal(result.outputs["sum"], expected(frame))
        assert [result.key for result in results] == [True, False]
        assert transport.reconnections == 1


def test_another_array_is_plugged_in(cable: Cable) -> None:
    with SerialTransport(str(cable.path), 115200, patience=0.3) as transport:
        session = Session(Device(transport), make_program(CONFIG))
        frame = np.zeros((3, 5, 3), np.int8)
        session.run(frame)
        first, other = cable.device, FakeDevice(ArrayConfig.parse("1x4"))
        for device in (other, first):
            cable.pull()
            cable.device = device
            cable.plug()
            if device is other:
                for _ in range(2):
                    with pytest.raises(StillframeError, match="expected the array 1x16@85F that the program"):
                        session.run(frame)
        assert not any(other.memories[memory].any() for memory in WRITABLE)
        np.testing.assert_array_equal(session.run(frame).outputs["sum"], expected(frame))


def test_a_device_that_answers_nothing(cable: Cable) -> None:
    cable.answer = lambda data: b""
    with (
        SerialTransport(str(cable.path), 115200, patience=0.05) as transport,
        pytest.raises(LinkError, match="expected an answer to HELLO, got none that is whole in 3 attempts"),
    ):
        Device(transport).hello()


def test_a_device_that_falls_silent_and_comes_back(cable: Cable) -> None:
    with SerialTransport(str(cable.path), 115200, patience=0.05) as transport:
        session = Session(Device(transport, attempts=2), make_program(CONFIG))
        first, second = frames(np.random.default_rng(1), 2, session.program)
        session.run(first)
        answer, cable.answer = cable.answer, lambda data: b""
        with pytest.raises(LinkError, match="expected an answer to HELLO"):
            session.run(second)
        cable.answer = answer
        result = session.run(second)
        assert result.key
        np.testing.assert_array_equal(result.outputs["sum"], expected(second))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_device_that_answers_in_part(cable: Cable, share: float) -> None:
    def part(data: bytes) -> bytes:
        answer = cable.device.feed(data)
        return answer[: int(len(answer) * share)]

    with SerialTransport(str(cable.path), 115200, patience=0.05) as transport:
        device = Device(transport, attempts=2)
        device.hello()
        cable.answer = part
        with pytest.raises(LinkError, match=r"expected an answer to READ of STATE .* in 2 attempts"):
            device.read(Memory.STATE, 0, 0, 9)


def test_a_port_that_takes_nothing_does_not_hold_a_write(tmp_path: Path) -> None:
    master, port = os.openpty()
    tty.setraw(port)
    try:
        with SerialTransport(os.ttyname(port), 3_000_000, patience=0.05) as transport:
            for _ in range(3):
                transport.write(bytes(1 << 20))
            assert transport.reconnections == 0
            os.read(master, 1 << 16)
    finally:
        os.close(port)
        os.close(master)


def test_a_cable_that_stays_out(cable: Cable) -> None:
    transport = SerialTransport(str(cable.path), 115200, patience=0.1, reconnect=0.3)
    with Device(transport) as device:
        device.hello()
        cable.pull()
        with pytest.raises(StillframeError, match=r"expected it to come back within 0\.3 s"):
            device.write(Memory.STATE, 0, 0, [7])


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(StillframeError, match=r"serial:/dev/nowhere: expected to open it at 3,000,000 baud"):
        open_serial("/dev/nowhere")


@pytest.mark.parametrize("query", ["baud", "baud=", "baud=fast", "baud=0", "parity=odd", "baud=9600&x=1"])
def test_an_address_of_another_form(query: str) -> None:
    with pytest.raises(StillframeError, match=r"expected a path and \?baud= with a number"):
        open_serial(f"/dev/ttyUSB0?{query}")


def usb(device: str, **fields: Any) -> SimpleNamespace:
    """A port as pyserial lists it."""
    known = {"vid": None, "pid": None, "product": None, "description": "n/a", "location": None}
    return SimpleNamespace(device=device, **known | {"serial_number": None} | fields)


ULX3S = usb("/dev/ttyUSB1", vid=0x0403, pid=0x6015, product="ULX3S FPGA 85K v3.0.8", serial_number="120001")
OTHERS = [
    usb("/dev/ttyS0"),
    usb("/dev/ttyUSB0", vid=0x0403, pid=0x6015, product="FT231X USB UART", serial_number="DN01"),
    usb("/dev/ttyACM0", vid=0x2341, pid=0x0043, product="Arduino Uno"),
]


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what pyserial lists."""
    return lambda *found: monkeypatch.setattr(list_ports, "comports", lambda: list(found))


def test_boards_are_known_by_their_usb_identity(plugged_in: Callable[..., None]) -> None:
    plugged_in(*OTHERS, ULX3S)
    (port,) = list_boards()
    assert (port.path, port.board, port.serial) == ("/dev/ttyUSB1", BOARDS["ulx3s-85f"], "120001")
    assert only_board() == port


def test_of_a_bridge_with_two_ports_one_is_the_uart(plugged_in: Callable[..., None]) -> None:
    icebreaker = {"vid": 0x0403, "pid": 0x6010, "product": "iCEBreaker V1.0e"}
    ports = [usb(f"/dev/ttyUSB{n}", location=f"1-1.4:1.{n}", **icebreaker) for n in range(2)]
    other = usb("/dev/ttyUSB5", vid=0x0403, pid=0x6010, product="Dual RS232-HS", location="1-2:1.1")
    plugged_in(*ports, other)
    assert [(port.path, port.board) for port in list_boards()] == [("/dev/ttyUSB1", BOARDS["icebreaker"])]


@pytest.mark.parametrize(("found", "there"), [([], "none"), ([ULX3S, ULX3S], r"ttyUSB1 \(ULX3S 85F\), ")])
def test_without_a_path_there_has_to_be_one_board(
    plugged_in: Callable[..., None], found: list[Any], there: str
) -> None:
    plugged_in(*OTHERS, *found)
    with pytest.raises(StillframeError, match=rf"expected one board on USB, got .*{there}"):
        open_serial("")


def test_every_board_is_distinguished_by_its_text() -> None:
    identities = [(b.usb.vendor, b.usb.product, b.usb.text, b.usb.interface) for b in BOARDS.values()]
    assert len(set(identities)) == len(BOARDS)
    for board in BOARDS.values():
        assert ArrayConfig.parse(board.array).name == board.array
