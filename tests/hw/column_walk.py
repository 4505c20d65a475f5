"""What the column walker gives: strips and requests, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stillframe.contract.array import MASK_COLUMNS

Fields = dict[str, int]

NUMBERS = 1 << 6
"""Output pixels are numbered modulo this."""

ADDRESSES = 1 << 20
MARK_STEP = 15
"""The most pixels that become complete at once."""


@dataclass(frozen=True)
class Look:
    """Columns with the same first tap; ``complete``: pixels of the strip that are complete after it, or None
    if it completes none."""

    word: int
    columns: list[int]
    tap: int
    place: int
    complete: int | None


@dataclass(frozen=True)
class Strip:
    """``count`` output columns from ``x`` on of a layer; ``left``: their first image column."""

    layer: Fields
    x: int
    count: int

    @property
    def left(self) -> int:
        return self.x * self.layer["stride"] - self.layer["pad"]

    @property
    def by_block(self) -> bool:
        return self.layer["stride"] == 1 << self.layer["stride_log2"]

    @property
    def low(self) -> int:
        """First image column that is looked at."""
        return max(0, self.left)

    @property
    def high(self) -> int:
        """The last one."""
        right = self.left + (self.count - 1) * self.layer["stride"] + self.layer["span"]
        return min(self.layer["in_width"] - 1, right)

    def done(self, x: int) -> int:
        """Pixels whose receptive fields end at column ``x`` or to the left of it."""
        return max(0, (x - self.left - self.layer["span"]) // self.layer["stride"] + 1)

    def first_tap(self, x: int) -> tuple[int, int]:
        """Of a column: kernel column and pixel of the first tap whose pixel is in the strip or left of it."""
        stride, dilation = self.layer["stride"], self.layer["dilation"]
        place, tap = divmod(x - self.left, stride)
        while place >= self.count:
            tap, place = tap + stride, place - (dilation if stride == 1 else 1)
        return tap, place

    def looks(self, still: bool) -> Iterator[Look]:
        """In order."""
        complete = 0
        beyond = self.left + self.count * self.layer["stride"]
        block = 1 << self.layer["block_log2"]
        start = self.left if not self.by_block else min(self.low, beyond)
        target = self.count if still or self.low > self.high else self.done(start - 1) if self.by_block else 0
        yield from self._marks(0, target)
        complete = x = target
        if complete == self.count:
            return
        x = start
        while x <= self.high:
            end = x | (block - 1)
            taken = list(self._block(range(x, min(end, self.high) + 1)))
            reached: int | None = self.done(end) if end < self.high else self.count
            if reached is not None and end >= self.high and reached - complete > MARK_STEP:
                reached = None
            for n, look in enumerate(taken):
                risen = reached if n == len(taken) - 1 and reached != complete else None
                if look.columns or risen is not None:
                    yield Look(look.word, look.columns, look.tap, look.place, risen)
            complete = complete if reached is None else reached
            x = end + 1
        yield from self._marks(complete, self.count)

    def _marks(self, complete: int, target: int) -> Iterator[Look]:
        while complete < target:
            complete = min(target, complete + MARK_STEP)
            yield Look(0, [], 0, 0, complete)

    def _block(self, columns: range) -> Iterator[Look]:
        """The looks of a block, some of them without columns."""
        stride, kernel = self.layer["stride"], self.layer["kernel_columns"]
        shift = self.layer["stride_log2"]
        beyond = self.left + self.count * stride
        regular = [x for x in columns if self.by_block and x < beyond]
        for phase in range(min(stride, kernel) if regular else 0):
            inside = [x for x in regular if (x - self.left) % stride == phase]
            word = columns[0] // MASK_COLUMNS
            if inside:
                place = self.first_tap(inside[0])[1] - (inside[0] % MASK_COLUMNS >> shift)
                yield Look(word, [x % MASK_COLUMNS for x in inside], phase, place, None)
            else:
                yield Look(word, [], phase, 0, None)
        for x in columns:
            if x not in regular:
                tap, place = self.first_tap(x)
                inside = [x % MASK_COLUMNS] if x >= self.low and tap < kernel else []
                yield Look(x // MASK_COLUMNS, inside, tap, place - (x % MASK_COLUMNS >> shift), None)


def strips(layer: Fields) -> Iterator[Strip]:
    """The strips of an output row."""
    for x in range(0, layer["out_width"], layer["strip"]):
        yield Strip(layer, x, min(layer["strip"], layer["out_width"] - x))


def live_rows(row: dict[str, int]) -> list[int]:
    """Numbers of the live kernel rows."""
    return [ky for ky in range(row["live"].bit_length()) if row["live"] >> ky & 1]


def walk(layer: Fields, rows: list[dict[str, int]]) -> tuple[list[dict[str, int]], list[dict[str, int]]]:
    """Strips and requests for rows (KERNEL_ROWS). Requests without columns have only what they say."""
    given, requests, first = [], [], 0
    for row in rows:
        for number in range(layer["groups"]):
            final = int(number == layer["groups"] - 1)
            for strip in strips(layer):
                given.append(_strip(layer, row, number, strip))
                for look in strip.looks(not row["live"]):
                    end = {"end": 0, "complete": 0}
                    if look.complete is not None:
                        end = {"end": 1, "complete": (first + look.complete) % NUMBERS}
                    if not look.columns:
                        requests.append({"columns": 0, "final": final} | end)
                        continue
                    places = [(ky, word) for ky in live_rows(row) for word in range(words(layer))]
                    for ky, word in places:
                        last = (ky, word) == places[-1]
                        requests.append(
                            {
                                "columns": sum(1 << c for c in look.columns),
                                "address": mask(layer, row, number, ky, word) + look.word,
                                "events": event(layer, row, number, ky, word) + look.word * MASK_COLUMNS,
                                "weight": weight(layer, number, ky, word, look.tap),
                                "tap": look.tap,
                                "place": look.place,
                                "first": first % NUMBERS,
                                "final": final,
                            }
                            | (end if last else {"end": 0, "complete": 0})
                        )
                first += strip.count
    for request in requests:
        for name in ("address", "events", "weight"):
            if name in request:
                request[name] %= ADDRESSES
    return given, requests


def _strip(layer: Fields, row: dict[str, int], number: int, strip: Strip) -> dict[str, int]:
    words = number * layer["pass_words"]
    return {
        "y": row["y"],
        "x": strip.x,
        "count": strip.count,
        "left": strip.left,
        "offset": row["offset"] + words * layer["out_width"] + strip.x,
        "mask": row["mask"] + words * layer["out_mask_words"],
        "row": layer["params"] + row["border"] + words,
        "final": int(number == layer["groups"] - 1),
        "everything": row["everything"],
    }


def words(layer: Fields) -> int:
    """Channel words that a pass looks at."""
    return 1 if layer["depthwise"] else layer["in_words"]


def mask(layer: Fields, row: dict[str, int], number: int, ky: int, word: int) -> int:
    """MASKS word of column 0."""
    word += number if layer["depthwise"] else 0
    return row["masks"] + ky * layer["mask_step"] + word * layer["in_mask_words"]


def event(layer: Fields, row: dict[str, int], number: int, ky: int, word: int) -> int:
    """EVENTS word of column 0."""
    word += number if layer["depthwise"] else 0
    return row["events"] + ky * layer["event_step"] + word * layer["in_width"]


def weight(layer: Fields, number: int, ky: int, word: int, kx: int) -> int:
    """WEIGHTS row of a group's first element."""
    rows = number * layer["kernel"] + ky * layer["kernel_row"] + word * layer["word_row"]
    return layer["weights"] + rows + kx * layer["tap_rows"]
