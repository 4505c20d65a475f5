"""Where the built-in clip vtest is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillframe.contract import StillframeError
from stillframe.examples import clip_path
from stillframe.examples.clips import OPENCV_DOC

FILE = OPENCV_DOC["vtest"]


def package(root: Path) -> Path:
    """An unpacked package at that root; gives the clip's path."""
    (root / FILE).parent.mkdir(parents=True)
    (root / FILE).write_bytes(b"RIFF")
    return root / FILE


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where no package lies: current folder, cache and environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLFRAME_OPENCV_DOC", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("stillframe.examples.clips.SYSTEM", tmp_path / "system")
    return tmp_path


def test_every_place_in_turn(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = package(elsewhere / "cache" / "stillframe" / "opencv-doc")
    assert clip_path("vtest") == cached
    package(elsewhere / "opencv-doc")
    assert clip_path("vtest") == Path("opencv-doc") / FILE
    system = package(elsewhere / "system")
    assert clip_path("vtest") == system
    chosen = package(elsewhere / "chosen")
    monkeypatch.setenv("STILLFRAME_OPENCV_DOC", str(elsewhere / "chosen"))
    assert clip_path("vtest") == chosen


def test_nowhere(elsewhere: Path) -> None:
    with pytest.raises(StillframeError) as caught:
        clip_path("vtest")
    assert str(caught.value) == (
        "clip vtest: expected usr/share/doc/opencv-doc/examples/data/vtest.avi of the Debian package "
        f"opencv-doc below one of {elsewhere}/system, opencv-doc, {elsewhere}/cache/stillframe/opencv-doc, "
        "found it in none\n"
        "  -> sudo apt-get install opencv-doc, or without root here: apt-get download opencv-doc && "
        "dpkg -x opencv-doc_*.deb opencv-doc (elsewhere: name the folder in STILLFRAME_OPENCV_DOC); "
        "or give a clip of your own"
    )
