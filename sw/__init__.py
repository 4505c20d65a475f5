"""Stillframe: a video CNN on an FPGA accelerator that computes only what changed since the last frame.

Importing this package is cheap: what a name needs is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stillframe.api import clip, compile
    from stillframe.contract import ArrayConfig, Program, StillframeError
    from stillframe.driver import Session, open_device

__version__ = "0.1.0"

_HOMES = {
    "ArrayConfig": "stillframe.contract",
    "Program": "stillframe.contract",
    "Session": "stillframe.driver",
    "StillframeError": "stillframe.contract",
    "clip": "stillframe.api",
    "compile": "stillframe.api",
    "open_device": "stillframe.driver",
}

__all__ = ["ArrayConfig", "Program", "Session", "StillframeError", "clip", "compile", "open_device"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stillframe' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
