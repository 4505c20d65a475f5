"""The serial transport, pyserial included, on pseudo-terminals: a device, cables pulled, addresses."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_device import FakeDevice
from serial.tools import list_ports

from stillframe.contract import ArrayConfig, Memory, StillframeError
from stillframe.contract.boards import BOARDS
from stillframe.driver import Device, open_device
from stillframe.driver.ports import list_boards, only_board
from stillframe.driver.serial_port import SerialTransport, open_serial

CONFIG = ArrayConfig.parse("1x16")


class Cable:
    """A pseudo-terminal with a fake device behind it, at a path that stays when it is plugged in again."""

    def __init__(self, path: Path, device: FakeDevice) -> None:
        self.path, self.device = path, device
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
        threading.Thread(target=self._serve, args=(self._master,), daemon=True).start()

    def pull(self) -> None:
        master, self._master = self._master, -1
        self.path.unlink()
        os.close(self._port)
        os.close(master)

    def _serve(self, master: int) -> None:
        try:
            while data := os.read(master, 4096):
                answer = self.device.feed(data)
                while answer:
                    answer = answer[os.write(master, answer) :]
        except OSError:
            return  # pulled


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
        device.write(Memory.STATE, 0, 0, [7])
        assert list(device.read(Memory.STATE, 0, 0, 1)) == [7]
        assert transport.reconnections == 1


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
