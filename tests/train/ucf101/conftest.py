"""The miniature UCF101, written once, and a run of the whole command on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import ucf101_miniature as miniature

KILLED_RUN = """
import os, signal, sys
from stillframe.cli.main import main
from stillframe.cli.time_left import TimeLeft

stage, steps = sys.argv[1], int(sys.argv[2])
advance = TimeLeft.advance

def killed(self, note=""):
    advance(self, note)
    if self._text.startswith(stage) and self._done == steps:
        os.kill(os.getpid(), signal.SIGKILL)

TimeLeft.advance = killed
sys.exit(main(sys.argv[3:]))
"""
"""The command, killed after so many steps of a stage; without a mercy that could write anything."""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def ucf101(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with UCF-101 and ucfTrainTestlist; tests do not change it."""
    return miniature.write_miniature(tmp_path_factory.mktemp("ucf101"))


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of the tiny network."""
    return miniature.tiny_network(tmp_path_factory.mktemp("network") / "tiny.keras")


@pytest.fixture(scope="session")
def run(ucf101: Path, network: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the command into a folder, in a process of its own; all runs share a cache."""
    cache = tmp_path_factory.mktemp("cache")

    def call(output: Path, kill: tuple[str, int] = ("", -1), more: str = "") -> subprocess.CompletedProcess:
        arguments = miniature.command(ucf101, network, output, f"--cache {cache} {more}")
        return subprocess.run(
            [sys.executable, "-c", KILLED_RUN, kill[0], str(kill[1]), "train", "ucf101", *arguments],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@pytest.fixture(scope="session")
def finished(run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Output folder of a run of the set-up temporal that nothing interrupted, and what it printed."""
    output = tmp_path_factory.mktemp("finished") / "run"
    process = run(output)
    assert process.returncode == 0, process.stderr
    return output, process.stdout
