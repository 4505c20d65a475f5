"""What an example finds in a frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle. Coordinates are shares of the model's input, about 0 to 1; the score is 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float
    score: float


def intersection_over_union(a: Box, b: Box) -> float:
    """Area that two boxes share, as a share of the area that they cover together; 0 for empty boxes."""
    across = max(0.0, min(a.right, b.right) - max(a.left, b.left))
    down = max(0.0, min(a.bottom, b.bottom) - max(a.top, b.top))
    together = sum((x.right - x.left) * (x.bottom - x.top) for x in (a, b)) - across * down
    return across * down / together if together > 0 else 0.0


def strongest(boxes: list[Box], overlap: float) -> list[Box]:
    """Boxes by falling score, without those that share more than ``overlap`` with a stronger one."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda b: -b.score):
        if all(intersection_over_union(box, other) <= overlap for other in kept):
            kept.append(box)
    return kept
