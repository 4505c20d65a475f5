"""What the event finder has to find in a MAC layer, output pixel by output pixel: a plain convolution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from geometry import Base, Geometry

WEIGHT_ROWS = 1 << 20
"""WEIGHTS rows are counted modulo this."""

Events = dict[tuple[int, int, int], int]
"""Values by row, column and channel."""

Product = tuple[int, int, int, tuple[int, ...], int, int]
"""Number of the output pixel, kernel column, WEIGHTS row, values, how many of them count, the last pass."""


@dataclass(frozen=True)
class Changes:
    """What changed in a tensor: its events, and the rows that have a flag. The others have no events."""

    events: Events
    flags: set[int]

    @classmethod
    def of(cls, events: Events) -> Changes:
        """With flags for the rows that have events."""
        return cls(events, {y for y, _, _ in events})


@dataclass
class Found:
    """What is to be drained, the products of each class, and how many pixels there are."""

    strips: list[dict[str, int]] = field(default_factory=list)
    products: list[Counter[Product]] = field(default_factory=list)
    pixels: int = 0


@dataclass(frozen=True)
class Hit:
    """An event of a class in a row: what it brings into each product."""

    column: int
    word: int
    group: int  # among the class's
    place: int  # of the element in the group
    values: tuple[int, ...]
    count: int


def hits(geometry: Geometry, changes: Changes, y: int) -> Iterator[tuple[int, Hit]]:
    """Class and event, of an input row."""
    config, share = geometry.config, geometry.share
    for x in range(geometry.input.width):
        for word in range(geometry.input.words):
            channels = range(word * config.drain, (word + 1) * config.drain)
            values = [changes.events.get((y, x, c)) for c in channels]
            for group in range(config.banks):
                own = values[group :: config.banks]
                if geometry.depthwise:
                    events = sum(value is not None for value in own)
                    if events:
                        yield group, Hit(x, word, 0, 0, tuple(value or 0 for value in own), events)
                    continue
                for place, value in enumerate(own):
                    if value is not None:
                        same = (value,) * config.group
                        yield group % share, Hit(x, word, group // share, place, same, 1)


def find(geometry: Geometry, base: Base, changes: Changes, everything: bool) -> Found:
    """Strips, and each class's products, of a layer.

    Args:
        geometry: Of the layer.
        base: Where its input begins, and its weights and parameters.
        changes: In its input.
        everything: Every pixel is wanted.
    """
    g, target = geometry, geometry.output
    found = Found(products=[Counter() for _ in range(g.share)])
    events = {y: list(hits(g, changes, y)) for y in changes.flags}
    for y in range(target.height):
        rows = [y * g.stride[0] - g.padding[0][0] + ky * g.dilation[0] for ky in range(g.kernel[0])]
        outside = sum(not 0 <= row < g.input.height for row in rows)
        if not everything and not any(row in events for row in rows):
            continue
        for group in range(g.groups):
            for x in range(0, target.width, g.strip):
                words = group * g.pass_words
                found.strips.append(
                    {
                        "y": y,
                        "x": x,
                        "count": min(g.strip, target.width - x),
                        "left": x * g.stride[1] - g.padding[1][0],
                        "offset": target.offset(y, x, words),
                        "mask": target.mask(y, 0, words),
                        "row": base.params + words + outside * g.borders[0],
                        "final": int(group == g.groups - 1),
                        "everything": int(everything),
                    }
                )
            for ky, row in enumerate(rows):
                for number, hit in events.get(row, []):
                    if not g.depthwise or hit.word == group:
                        found.products[number].update(products(g, base, group, ky, hit, found.pixels))
            found.pixels += target.width
    return found


def products(g: Geometry, base: Base, group: int, ky: int, hit: Hit, pixels: int) -> Iterator[Product]:
    """The products of an event in a pass, one for each of its kernel columns, after so many pixels."""
    row = base.weights + (group * g.kernel[0] + ky) * g.kernel_row
    if not g.depthwise:
        row += hit.word * g.word_row + hit.group * g.config.group + hit.place
    for kx in range(g.kernel[1]):
        x, beside = divmod(hit.column + g.padding[1][0] - kx * g.dilation[1], g.stride[1])
        if not beside and 0 <= x < g.output.width:
            weight = (row + kx * g.tap_rows) % WEIGHT_ROWS
            final = int(group == g.groups - 1)
            yield pixels + x, kx, weight, hit.values, hit.count, final


class Bank:
    """Follows the events of a bank: how its products are numbered tells what was complete before them."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.complete = 0
        self.ahead = 0
        """Pixels from the first incomplete one to the furthest that an event went into, at most."""
        self.products: Counter[Product] = Counter()

    def take(self, event: dict[str, Any]) -> None:
        """An event or a mark."""
        g = self.geometry
        if event["mark"]:
            self.complete += (event["complete"] - self.complete) % 64
            return
        step = g.dilation[1] if g.stride[1] == 1 and g.span else 1
        for number, kx in enumerate(range(event["tap"], g.kernel[1], g.stride[1])):
            if event["left"] >= number * step:
                distance = (event["pixel"] - number * step - self.complete) % 64
                self.ahead = max(self.ahead, distance + 1)
                weight = (event["weight"] + (kx - event["tap"]) * g.tap_rows) % WEIGHT_ROWS
                key = (self.complete + distance, kx, weight, tuple(event["values"]))
                self.products[*key, event["count"], event["final"]] += 1
