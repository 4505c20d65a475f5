"""Program files: what comes back, and what is said of one that is damaged, old or for another array."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_device import FakeDevice
from fake_links import FakeLink
from fake_program import make_program

from stillframe.contract import ArrayConfig, Program, StillframeError
from stillframe.contract.host import Assignment, HostPart, HostTensor
from stillframe.contract.memory_map import PROTOCOL_VERSION
from stillframe.contract.program import FORMAT_VERSION
from stillframe.driver import Device, Session

CONFIG = ArrayConfig.parse("1x16")
AGAIN = "\n  -> make the program again with: stillframe compile"


@pytest.fixture
def program() -> Program:
    head = HostPart(
        b"head",
        (HostTensor("frame", (3, 5, 3), "float32"),),
        (HostTensor("codes", (3, 5, 3), "int8", 0.5, -3),),
    )
    return replace(
        make_program(CONFIG), tflite=b"the model", head=head, assignments=(Assignment("conv", "CONV_2D"),)
    )


def sealed(data: bytes) -> bytes:
    """A file's content with the CRC that belongs to it."""
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


def with_header(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A file's content with another header."""
    (length,) = struct.unpack_from("<I", data, 12)
    header = json.loads(data[16 : 16 + length])
    change(header)
    text = json.dumps(header).encode()
    return sealed(data[:12] + struct.pack("<I", len(text)) + text + data[16 + length :])


def message(data: bytes) -> str:
    with pytest.raises(StillframeError) as error:
        Program.from_bytes(data, "x.stillframe")
    return str(error.value)


def test_what_is_written_comes_back(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "x.stillframe"
    program.save(path)
    loaded = Program.load(path)
    for field in fields(Program):
        if field.name != "segments":
            assert getattr(loaded, field.name) == getattr(program, field.name)
    for got, expected in zip(loaded.segments, program.segments, strict=True):
        assert (got.memory, got.column, got.row) == (expected.memory, expected.column, expected.row)
        np.testing.assert_array_equal(got.words, expected.words)
    assert [p.name for p in tmp_path.iterdir()] == ["x.stillframe"]


def test_two_threads_write_the_same_file(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=60)
    write_bytes = Path.write_bytes

    def together(path: Path, data: bytes) -> int:
        both.wait()
        written = write_bytes(path, data)
        both.wait()
        return written

    monkeypatch.setattr(Path, "write_bytes", together)
    path = tmp_path / "x.stillframe"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(program.save, [path] * 2))
    assert Program.load(path).to_bytes() == program.to_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["x.stillframe"]


@pytest.mark.parametrize("version", [FORMAT_VERSION - 1, FORMAT_VERSION + 1])
def test_another_format_is_refused(program: Program, version: int) -> None:
    data = bytearray(program.to_bytes())
    data[8:12] = struct.pack("<I", version)
    assert message(sealed(bytes(data))) == (
        f"program x.stillframe: expected format version {FORMAT_VERSION} at byte 8, got {version}{AGAIN}"
    )


def test_another_protocol_is_refused(program: Program) -> None:
    other = PROTOCOL_VERSION + 1
    data = with_header(program.to_bytes(), lambda header: header.update(protocol_version=other))
    assert message(data) == (
        f"program x.stillframe: expected protocol version {PROTOCOL_VERSION} (of descriptors and memories), "
        f"got {other}{AGAIN}"
    )


def test_damage_is_noticed(program: Program) -> None:
    data = program.to_bytes()
    assert message(b"something else") == (
        "program x.stillframe: expected b'STLFPROG' at byte 0, got b'somethin'\n"
        "  -> this is not a program file; make one with: stillframe compile"
    )
    assert message(data[:12]) == f"program x.stillframe: expected at least 20 bytes, got 12{AGAIN}"
    for wrong in (data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:], data + b"more"):
        text = message(wrong)
        assert text.startswith("program x.stillframe: expected CRC 0x")
        stored = int.from_bytes(wrong[-4:], "little")
        assert text.endswith(
            f" at byte {len(wrong) - 4}, got {stored:#010x}; the file is damaged or cut short{AGAIN}"
        )


def test_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x.stillframe"
    with pytest.raises(StillframeError) as error:
        Program.load(path)
    assert str(error.value) == (
        f"program {path}: expected a file to read, got: No such file or directory\n"
        "  -> check the path, or make one with: stillframe compile"
    )


def test_a_program_for_another_array_is_refused() -> None:
    device = Device(FakeLink(FakeDevice(ArrayConfig.parse("1x16@25F"))))
    program, other = make_program(CONFIG), ArrayConfig.parse("1x16@25F")
    names = [
        field.name
        for field in fields(ArrayConfig)
        if field.name != "part" and getattr(CONFIG, field.name) != getattr(other, field.name)
    ]
    with pytest.raises(StillframeError) as error:
        Session(device, program)
    assert str(error.value) == (
        "device: expected the array 1x16@85F that the program is compiled for with "
        + ", ".join(f"{name} {getattr(CONFIG, name)}" for name in names)
        + "; got an array of 1x16 with "
        + ", ".join(f"{name} {getattr(other, name)}" for name in names)
        + "\n  -> compile the model for the device's array (--array), or load the array's bitstream"
    )
