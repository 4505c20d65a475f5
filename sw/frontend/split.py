"""The border between host and device as the user names it: ``--split``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stillframe.contract import StillframeError

NUMBER = re.compile(r"@(\d+)")
"""How an operator is named by its number in the file, as messages give it."""


@dataclass(frozen=True)
class Split:
    """First and last layer on the device, as indices of operators; None where that is left open."""

    first: int | None = None
    last: int | None = None

    def __str__(self) -> str:
        first = "" if self.first is None else f"@{self.first}:"
        return first + ("" if self.last is None else f"@{self.last}")

    @classmethod
    def parse(cls, text: str, names: Mapping[int, str], source: str) -> Split:
        """Read ``LAST``, ``FIRST:LAST``, ``FIRST:`` or ``:LAST``.

        Args:
            text: Layers by name, or by number as in ``@17``. Where several operators have one name, the
                first of them begins and the last of them ends the device's part.
            names: Names of the layers by operator.
            source: What messages call the model.

        Raises:
            StillframeError: There is no such layer, or the first one stands behind the last one.
        """
        if text in names.values() or ":" not in text:
            first, last = "", text
        else:
            first, _, last = text.rpartition(":")
        split = cls(
            first=_find(first, names, source)[0] if first else None,
            last=_find(last, names, source)[-1] if last else None,
        )
        if split.first is not None and split.last is not None and split.first > split.last:
            raise StillframeError(
                f"{source}: expected --split FIRST:LAST with the first layer on the device before the last, "
                f"got {first!r} behind {last!r}",
                "name them the other way round",
            )
        return split


def _find(name: str, names: Mapping[int, str], source: str) -> list[int]:
    """Operators of that name or number."""
    if match := NUMBER.fullmatch(name):
        found = [index for index in names if index == int(match[1])]
    else:
        found = [index for index, layer in names.items() if layer == name]
    if not found:
        near = difflib.get_close_matches(name, set(names.values()), n=3)
        others = f"did you mean {' or '.join(near)}?" if near else f"name one of {', '.join(_all(names))}"
        raise StillframeError(f"{source}: expected --split to name a layer, got {name!r}", others)
    return found


def _all(names: Mapping[int, str]) -> list[str]:
    return list(dict.fromkeys(names.values()))
