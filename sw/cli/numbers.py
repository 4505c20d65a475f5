"""Numbers on the command line."""

from __future__ import annotations

from collections.abc import Callable

from stillframe.contract import StillframeError


def number(option: str, low: int, high: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from ``low`` to ``high``."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and int(text) >= low and (high is None or int(text) <= high):
            return int(text)
        expected = f"a whole number of {low} or more" if high is None else f"a whole number, {low} to {high}"
        raise StillframeError(f"{option}: expected {expected}, got {text!r}", "change the number")

    return read
