"""What make says when the system lacks something, before anything is downloaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stillframe.cli.boards import ready_folder
from stillframe.contract.boards import BOARDS

ROOT = Path(__file__).parent.parent


def preflight(folder: Path, *programs: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Run the check where only ``programs`` are installed."""
    for program in ("sh", *programs):
        path = shutil.which(program)
        assert path
        (folder / program).symlink_to(path)
    return subprocess.run(
        [ROOT / ".ci" / "preflight"],
        env={"PATH": str(folder), "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("missing", [["g++"], ["make", "perl"]])
def test_missing_programs(missing: list[str], tmp_path: Path) -> None:
    there = [program for program in ("g++", "make", "perl") if program not in missing]
    result = preflight(tmp_path, *there)
    names = " ".join(missing)
    assert result.stderr == (
        f"stillframe: expected python3 with venv, g++, make and perl, missing: {names}\n"
        f"  -> sudo apt-get install {names}\n"
    )
    assert (result.returncode, result.stdout) == (2, "")


def test_missing_python(tmp_path: Path) -> None:
    result = preflight(tmp_path, "g++", "make", "perl", python="python3")
    assert result.stderr.endswith("  -> sudo apt-get install python3\n")
    assert result.returncode == 2


def test_old_python(tmp_path: Path) -> None:
    (tmp_path / "old").write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    (tmp_path / "old").chmod(0o755)
    result = preflight(tmp_path, "g++", "make", "perl", python="old")
    assert result.stderr == (
        "stillframe: expected Python 3.11 or newer, got Python 3.9.2 as old\n"
        "  -> install a newer one, and name it: make setup PYTHON=python3.12\n"
    )
    assert result.returncode == 2


def test_everything_is_there(tmp_path: Path) -> None:
    result = preflight(tmp_path, "g++", "make", "perl")
    assert (result.returncode, result.stderr) == (0, "")


def test_every_board_has_a_ready_bitstream_to_be_made() -> None:
    (ready,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("READY")]
    assert set(ready.split()[2:]) == {ready_folder(board).name for board in BOARDS.values()}
