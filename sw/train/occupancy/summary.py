"""Means over seeds, and what a set-up gains against the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

WITHIN = 0.01
"""Of the baseline's F1: networks that close are taken for equally good."""


@dataclass(frozen=True)
class Figure:
    """Mean and sample standard deviation (0 of a single value)."""

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """From one value a seed."""
        return cls(mean(values), stdev(values) if len(values) > 1 else 0.0)


@dataclass(frozen=True)
class Point:
    """A set-up at one penalty, over all seeds.

    Attributes:
        setup, penalty: What it is.
        seeds: How many.
        f1, operation_sparsity, macs, cycles: As in the rows; the last two a frame.
    """

    setup: str
    penalty: float
    seeds: int
    f1: Figure
    operation_sparsity: Figure
    macs: Figure
    cycles: Figure


def points(rows: Iterable[dict[str, Any]]) -> list[Point]:
    """One point for all rows of a set-up and penalty, in the order in which these come first."""
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["setup"], row["penalty"]), []).append(row)

    def figure(group: list[dict[str, Any]], key: str) -> Figure:
        return Figure.of([row[key] for row in group])

    return [
        Point(
            setup,
            penalty,
            len(group),
            f1=figure(group, "f1"),
            operation_sparsity=figure(group, "operation_sparsity"),
            macs=figure(group, "macs_issued_per_frame"),
            cycles=figure(group, "cycles_per_frame"),
        )
        for (setup, penalty), group in groups.items()
    ]


def best(found: Iterable[Point], setup: str, baseline: Point) -> Point | None:
    """A set-up's point with the fewest MACs of those whose F1 is within 0.01 of the baseline's, if any is."""
    good = [p for p in found if p.setup == setup and p.f1.mean >= baseline.f1.mean - WITHIN]
    return min(good, key=lambda p: p.macs.mean, default=None)
