"""What the event finder finds, pixel by pixel, by docs/architecture.md ("A MAC layer", "A POOL layer")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from geometry import Base, Geometry

from stillframe.contract import Op

WEIGHT_ROWS = 1 << 20
"""WEIGHTS rows are counted modulo this."""

PASS_CYCLES = 4
"""Cycles in which the walker finds out a depthwise pass's channels, but for a pixel's first."""

Events = dict[tuple[int, int], int]
"""Values by row and element of the row."""


@dataclass(frozen=True)
class Changes:
    """What changed in a tensor: its events, and the rows that have a flag. The others have no events."""

    events: Events
    flags: set[int]

    @classmethod
    def of(cls, events: Events) -> Changes:
        """With flags for the rows that have events."""
        return cls(events, {y for y, _ in events})


@dataclass
class Found:
    """What the finder gives for a layer, and when, if nothing stalls it.

    Of a tag of a MAC layer only what the drain needs is here, of a window without a pixel inside the image no
    place; of a null event neither weight nor lanes.
    """

    tags: list[dict[str, int]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0
    """Cycles until the last row was found or left out."""
    walk: int = 0
    """Cycles until the last row was walked; 0 if none is."""
    first_pixel: int | None = None
    """Cycles until the first pixel."""


@dataclass(frozen=True)
class Segment:
    """A part of a kernel row, in one pass: its first tap's WEIGHTS row, and its elements inside the image."""

    weight: int
    left: int  # of its first element, which may lie outside
    first: int
    last: int

    @property
    def outside(self) -> bool:
        return self.first > self.last

    @property
    def mask_words(self) -> int:
        return self.last // 32 - self.first // 32 + 1


class Finder:
    """Goes through a layer's pixels; see :func:`find`."""

    def __init__(self, geometry: Geometry, base: Base, changes: list[Changes], everything: bool) -> None:
        self.geometry, self.base, self.changes, self.everything = geometry, base, changes, everything
        self.source, self.target, self.drain = geometry.input, geometry.output, geometry.input.drain
        self.kernel_rows = geometry.kernel[0] if geometry.second is None else 2
        self.found = Found()

    def rows(self, y: int) -> list[tuple[Changes, int] | None]:
        """Kernel rows at output row ``y``: what changed in their tensor, and the image row; None outside."""
        g, top = self.geometry, y // self.geometry.repeat[0] * self.geometry.stride[0]
        if g.second is not None:
            return [(changes, top) for changes in self.changes]
        rows = (top - g.padding[0][0] + ky * g.dilation[0] for ky in range(g.kernel[0]))
        return [(self.changes[0], row) if 0 <= row < self.source.height else None for row in rows]

    def channels(self, group: int) -> tuple[int, int]:
        """First and last input channel of a pass of a depthwise layer."""
        g = self.geometry
        outputs = range(group * g.lanes, min((group + 1) * g.lanes, g.channels))
        return outputs[0] // g.multiplier, outputs[-1] // g.multiplier

    def segments(self, x: int, group: int) -> Iterator[Segment]:
        """The segments of a kernel row at output column ``x``."""
        g, pixel = self.geometry, self.source.pixel
        left = (x // g.repeat[1] * g.stride[1] - g.padding[1][0]) * pixel
        start = self.base.weights + group * g.kernel[0] * g.kernel[1] * g.pixel_weights
        low, high = self.channels(group) if g.multiplier else (0, pixel - 1)
        if not g.apart:
            high += (g.kernel[1] - 1) * pixel
        for kx in range(g.kernel[1] if g.apart else 1):
            first = left + kx * g.dilation[1] * pixel + low
            last = first + high - low
            weight = start + kx * g.pixel_weights
            yield Segment(weight, first, max(0, first), min(last, self.source.row - 1))

    def hits(
        self, group: int, segment: Segment, row: tuple[Changes, int], ky: int
    ) -> Iterator[dict[str, Any]]:
        """The events of a kernel row's segment, less what becomes known later."""
        g, (changes, y) = self.geometry, row
        weight = segment.weight + ky * g.kernel[1] * g.pixel_weights
        low = self.channels(group)[0] if g.multiplier else 0
        word: list[int] = []
        for element in range(segment.first, segment.last + 1):
            value = changes.events.get((y, element), 0)
            channel = low + element - segment.left
            if not g.multiplier:
                if value:
                    yield {
                        "weight": (weight + element - segment.left) % WEIGHT_ROWS,
                        "values": [value] * self.drain,
                        "first_lane": 0,
                        "last_lane": g.lanes - 1,
                        "macs": 0,
                    }
            elif g.multiplier == 1:  # word by word
                word.append(value)
                if len(word) == self.drain or element == segment.last:
                    lane = channel - group * g.lanes - len(word) + 1
                    if any(word):
                        yield {
                            "weight": weight % WEIGHT_ROWS,
                            "values": word + [0] * (self.drain - len(word)),
                            "first_lane": lane,
                            "last_lane": lane + self.drain - 1,
                            "macs": sum(v != 0 for v in word),
                        }
                    word = []
            elif value:
                lane = channel * g.multiplier - group * g.lanes
                first, last = max(0, lane), min(g.lanes - 1, lane + g.multiplier - 1)
                yield {
                    "weight": weight % WEIGHT_ROWS,
                    "values": [value] * self.drain,
                    "first_lane": first,
                    "last_lane": last,
                    "macs": last - first + 1,
                }

    def tag(self, y: int, x: int, group: int, segments: list[Segment]) -> dict[str, int]:
        """The tag of a pass."""
        g, base, words = self.geometry, self.base, group * self.geometry.lanes // self.drain
        rows = self.rows(y)
        inside = [row[1] for row in rows if row is not None]
        missing = (len(rows) - len(inside), sum(segment.outside for segment in segments))
        borders = sum(n * border for n, border in zip(missing, g.borders, strict=True))
        tag = {
            "offset": self.target.offset(y, x, words),
            "row": base.params + words + borders,
            "final": int(group == g.groups - 1),
        }
        if g.op is Op.MAC:
            return tag
        segment = segments[0]
        if segment.outside or not inside:
            return tag | {"rows": 0}
        source = base.codes + inside[0] * self.source.pitch + segment.first // self.drain
        span = (segment.last - segment.first + 1) // self.drain
        return tag | {"source": source, "span": span, "rows": len(inside)}

    def time(self, live: list[bool], group: int, segments: list[Segment]) -> int:
        """Cycles of a pass."""
        g = self.geometry
        walked = [0 if segment.outside else segment.mask_words for segment in segments]
        requests = sum(max(1, words if alive else 0) for words in walked for alive in live)
        starts = len(segments) if g.apart or not group else 0
        return requests + starts + (PASS_CYCLES if group and g.multiplier else 0)

    def run(self, second: Base | None) -> Found:
        g, found, kernel_rows = self.geometry, self.found, self.kernel_rows
        offered = g.padding[0][0] + kernel_rows + 4  # the cycle in which the row is there
        for y in range(self.target.height):
            rows = self.rows(y)
            live = [row is not None and row[1] in row[0].flags for row in rows]
            if any(live) or self.everything:
                offered = max(offered, found.walk)
                found.walk = offered + 1
                if found.first_pixel is None:
                    found.first_pixel = found.walk
                for x in range(self.target.width):
                    for group in range(g.groups):
                        segments = list(self.segments(x, group))
                        walked = [alive and g.op is not Op.CONCAT for alive in live]
                        found.walk += self.time(walked, group, segments)
                        hits = [
                            hit
                            for segment in segments
                            for ky, row in enumerate(rows)
                            if row is not None and live[ky]
                            for hit in self.hits(group, segment, row, ky)
                        ]
                        if not hits and not self.everything and g.op is not Op.CONCAT:
                            continue
                        tag = self.tag(y, x, group, segments)
                        if g.op is Op.CONCAT and g.second is not None and second is not None:
                            tag["span"] = second.codes + g.second.offset(y, x)
                        found.tags.append(tag)
                        if g.op is Op.MAC:
                            null = {"values": [0] * self.drain, "null": 1}
                            for n, event in enumerate(hits or [null]):
                                end = {"final": tag["final"], "last": int(n == len(hits or [null]) - 1)}
                                found.events.append({"null": 0} | event | end)
            found.rows = offered + 1
            offered += kernel_rows + 5 + (g.stride[0] if (y + 1) % g.repeat[0] == 0 else 0)
        return found


def find(
    geometry: Geometry, base: Base, changes: list[Changes], everything: bool, second: Base | None = None
) -> Found:
    """All events and tags of a layer.

    Args:
        geometry: Of the layer.
        base: Where its input begins.
        changes: In its inputs.
        everything: Every pixel is wanted.
        second: Where its second input begins.
    """
    return Finder(geometry, base, changes, everything).run(second)
