"""Boards from the command line: what is plugged in, loading a bitstream, making one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from serial.tools import list_ports

from stillframe.bitstreams import DoesNotFit, Hop, Report, board_build
from stillframe.bitstreams.board_build import Bitstream
from stillframe.cli import boards
from stillframe.cli.main import execute
from stillframe.contract.boards import BOARDS


def test_devices_without_a_board(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(list_ports, "comports", list)
    assert execute(["devices"]) == 0
    known = ", ".join(BOARDS)
    assert capsys.readouterr().out == f"no board is plugged in (known: {known}); sim is always there\n"


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An openFPGALoader that notes its arguments and ends as the file ``status`` beside it says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "openFPGALoader"
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/called\nexit $(cat {folder}/status)\n')
    program.chmod(0o755)
    (folder / "status").write_text("0")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_flash_calls_the_boards_loader(loader: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bits = loader / "some.bit"
    bits.write_bytes(b"bits")
    command = ["flash", "ulx3s-25f", "--bitstream", str(bits)]
    assert execute(command) == 0
    assert (loader / "called").read_text() == f"--board ulx3s {bits}\n"
    (loader / "status").write_text("3")
    assert execute(command) == 2
    assert f"expected openFPGALoader to load {bits}, it ended with 3" in capfd.readouterr().err
    (loader / "openFPGALoader").unlink()
    assert execute(command) == 2
    assert "flash: expected the program openFPGALoader, got none" in capfd.readouterr().err


def test_flash_takes_the_ready_bitstream(
    loader: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute(["flash", "icebreaker"]) == 0
    file = boards.ready_folder(BOARDS["icebreaker"]) / "bitstream.bit"
    assert (loader / "called").read_text() == f"--board ice40_generic --write-flash {file}\n"
    monkeypatch.setattr(boards, "ready_folder", lambda board: loader / board.name)
    assert execute(["flash", "icebreaker"]) == 2
    assert capfd.readouterr().err == (
        f"stillframe: bitstream {loader}/icebreaker/bitstream.bit: expected the ready bitstream of 1x4@UP5K, "
        "got none\n"
        "  -> make it: stillframe build icebreaker, then stillframe flash icebreaker --bitstream FILE\n"
    )


def test_flash_without_a_bitstream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["flash", "ulx3s-25f", "--bitstream", str(tmp_path / "none.bit")]) == 2
    assert "expected a file, got none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["arty"], "board: expected one out of ulx3s-85f, ulx3s-25f, ulx3s-12f, icebreaker, got 'arty'"),
        (["ulx3s-25f", "--array", "1x16@85F"], "expected the memories of the board's part, 25F, got 85F"),
        (["icebreaker", "--array", "1x8"], "expected 1 bank of 4 lanes on an iCE40UP5K, got 1 banks of 8"),
        (["ulx3s-25f", "--array", "4x16"], "expected at most 28 multipliers on an LFE5U-25F"),
        (
            ["ulx3s-25f", "-o", "/dev/null/there"],
            "/dev/null/there: expected a folder that can be written",
        ),
    ],
)
def test_what_cannot_be_built(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["build", *arguments]) == 2
    assert message in capsys.readouterr().err


def built(fmax: float) -> Any:
    """A build that takes no time."""
    hop = Hop("top.accelerator", "signal", "LUT", 1.0, 2.0)
    report = Report("ulx3s-25f", "25F", 6, 7, 80, fmax, {"TRELLIS_COMB": (5, 10)}, (hop,))
    return lambda board, config, seed, stage: Bitstream(b"bits", report, {"seed": seed, "array": config.name})


def test_a_build_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(board_build, "build_board", built(80.1))
    folder = tmp_path / "new" / "folder"
    assert execute(["build", "ulx3s-25f", "--array", "1x8", "--seed", "7", "-o", str(folder)]) == 0
    assert (folder / "bitstream.bit").read_bytes() == b"bits"
    assert json.loads((folder / "manifest.json").read_text()) == {"seed": 7, "array": "1x8@25F"}
    assert sorted(path.name for path in folder.iterdir()) == ["bitstream.bit", "manifest.json"]
    assert "fmax: 80.1 MHz by nextpnr's estimate; 80 MHz reached" in capsys.readouterr().out


def test_a_build_that_is_too_slow_or_too_large_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def too_large(*_: object) -> Bitstream:
        raise DoesNotFit("it is too large")

    builds = (
        (built(79.9), f"expected {BOARDS['ulx3s-25f'].array} to run at 100 MHz"),
        (too_large, "it is too large"),
    )
    for build, message in builds:
        monkeypatch.setattr(board_build, "build_board", build)
        assert execute(["build", "ulx3s-25f", "-o", str(tmp_path / "none")]) == 1
        assert message in capsys.readouterr().err
        assert not (tmp_path / "none").exists()
