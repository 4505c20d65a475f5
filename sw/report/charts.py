"""Line charts as inline SVG, and the numbers on their axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 190
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 10, 24


@dataclass(frozen=True)
class Line:
    """One line: ``name`` is its class in the style sheet; one value a frame."""

    name: str
    label: str
    values: Sequence[float]


@dataclass(frozen=True)
class Tick:
    """A number on an axis and where it stands, in units of the drawing."""

    text: str
    at: float


@dataclass(frozen=True)
class Chart:
    """What the template draws.

    Attributes:
        title, unit: In words.
        lines: (class, label, SVG path, last value as text).
        across, up: Ticks of the axes.
        first, step: The first frame's place from the left, and the distance of frames.
    """

    title: str
    lines: list[tuple[str, str, str]]
    across: list[Tick]
    up: list[Tick]
    first: float
    step: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def short(value: float) -> str:
    """A count in at most four figures: 950, 1.2 k, 34 k, 3.4 M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.1f}".removesuffix(".0") + f" {unit}" if scaled < 100 else f"{scaled:.0f} {unit}"
    return f"{value:.0f}"


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... that divides a span into at most ``most`` parts."""
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if span / step <= most)


def chart(title: str, start: int, lines: Sequence[Line]) -> Chart:
    """Lay out a chart of values by frame, from 0 up; the first value belongs to frame ``start``."""
    frames = max(len(line.values) for line in lines)
    top = max(max(line.values) for line in lines if line.values) or 1
    step_up = round_step(top, 4)
    limit = step_up * math.ceil(top / step_up)
    step = (WIDTH - LEFT - RIGHT) / max(frames, 1)

    def x(frame: float) -> float:
        return round(LEFT + step * frame, 2)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / limit, 2)

    def path(values: Sequence[float]) -> str:
        points = []
        for frame, value in enumerate(values):
            points += [f"{x(frame)},{y(value)}", f"{x(frame + 1)},{y(value)}"]
        return "M" + " L".join(points) if points else ""

    step_across = max(1, int(round_step(frames, 8)))
    first_tick = -start % step_across
    return Chart(
        title=title,
        lines=[(line.name, line.label, path(line.values)) for line in lines],
        across=[Tick(str(start + f), x(f + 0.5)) for f in range(first_tick, frames, step_across)],
        up=[Tick(short(step_up * k), y(step_up * k)) for k in range(round(limit / step_up) + 1)],
        first=x(0),
        step=step,
    )
