"""The tables of ``docs/program-format.md``, made from what the code says.

python -m stillframe.contract.reference docs/program-format.md      writes them into the page
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from enum import IntEnum
from pathlib import Path

from .layer import FIELD_WORDS, LAYER_FIELDS, Mode, Op
from .memory_map import INFO_FIELDS, PROTOCOL_VERSION, Counter, Memory
from .packets import Packet, Status
from .program import FORMAT_VERSION


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), *(list(map(str, row)) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bits(shift: int, width: int) -> str:
    return str(shift) if width == 1 else f"{shift + width - 1}:{shift}"


def _descriptor() -> str:
    fields = sorted(LAYER_FIELDS.values(), key=lambda field: (field.word, field.shift))
    rows = [
        (f.word, _bits(f.shift, f.width), f"`{f.name}`", "signed" if f.signed else "", f.doc) for f in fields
    ]
    return f"{FIELD_WORDS} words are in use.\n\n" + _table(("word", "bits", "field", "", "what"), rows)


def _versions() -> str:
    return _table(
        ("version", "now", "of what"),
        [
            ("`FORMAT_VERSION`", FORMAT_VERSION, "the program file"),
            ("`PROTOCOL_VERSION`", PROTOCOL_VERSION, "packets, memory map and layer descriptor together"),
        ],
    )


def _numbers(*enumerations: type[IntEnum]) -> str:
    rows = [(f"`{e.__name__}`", ", ".join(f"{m.name} {m.value}" for m in e)) for e in enumerations]
    return _table(("enumeration", "numbers"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "versions": _versions,
    "numbers": lambda: _numbers(Op, Mode, Memory, Counter, Packet, Status),
    "info": lambda: _table(("row", "value"), enumerate(f"`{name}`" for name in INFO_FIELDS)),
    "descriptor": _descriptor,
}
"""By the name that stands in the page: ``<!-- table: NAME -->`` to ``<!-- end -->``."""


def renew(page: str) -> str:
    """A page with its tables as the code has them now.

    Raises:
        KeyError: The page asks for a table that does not exist.
    """

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n\n{TABLES[match[2]]()}\n\n<!-- end -->"

    return re.sub(r"(<!-- table: (\w+) -->).*?<!-- end -->", table, page, flags=re.S)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renew(path.read_text()))
