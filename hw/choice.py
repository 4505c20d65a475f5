"""Which of the two accelerators an array is."""

from __future__ import annotations

from stillframe.contract import ArrayConfig

from .accelerator import Accelerator
from .compact import CompactAccelerator


def accelerator_of(config: ArrayConfig) -> Accelerator | CompactAccelerator:
    """The accelerator with that array: the compact machine for a part of a few thousand look-up tables."""
    return CompactAccelerator(config) if config.compact else Accelerator(config)
