"""A frame's outputs in a few figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract.host import HostTensor
from stillframe.contract.program import OutputSpec

BARS = 10
"""Elements of a vector that are all shown; of a longer one the largest are."""

TOP = 5
"""Largest elements shown of a longer vector."""


@dataclass(frozen=True)
class Entry:
    """One figure of an output.

    Attributes:
        label: What it is.
        value: The real value; None if it is no number (infinite or not one at all).
        share: Where it lies in the output's range, 0 to 1.
    """

    label: str
    value: float | None
    share: float


@dataclass(frozen=True)
class Output:
    """An output.

    Attributes:
        name: As in the model.
        shape: Of one frame.
        kind: ``all``: ``entries`` are its elements; ``largest``: the largest of them, in order; ``ends``:
            its smallest and largest value and where they are, in brackets as (row, column, channel).
        entries: The figures.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    entries: tuple[Entry, ...]

    def as_json(self) -> dict[str, Any]:
        """The output as an object of JSON."""
        entries = [[entry.label, entry.value, round(entry.share, 4)] for entry in self.entries]
        return {"name": self.name, "shape": self.shape, "kind": self.kind, "entries": entries}


def summarise(spec: OutputSpec | HostTensor, values: npt.NDArray[np.float32]) -> Output:
    """Sum an output up: a short vector by its elements, a long one by its largest, a map by its ends.

    Args:
        spec: The output.
        values: Its real values.
    """
    flat = values.ravel()
    low, high = _range(spec, flat)

    def entry(index: int, label: str) -> Entry:
        value = float(flat[index])
        if not math.isfinite(value):
            return Entry(label, None, 0.0)
        share = (value - low) / (high - low) if high > low else 0.0
        return Entry(label, float(f"{value:.4g}"), min(1.0, max(0.0, share)))

    if values.size == max(values.shape, default=1):  # a vector, whatever axes of 1 it has
        if flat.size <= BARS:
            return Output(spec.name, spec.shape, "all", tuple(entry(i, str(i)) for i in range(flat.size)))
        order = np.argsort(-flat, kind="stable")[:TOP]
        return Output(spec.name, spec.shape, "largest", tuple(entry(int(i), str(i)) for i in order))
    ends = (("smallest", int(flat.argmin())), ("largest", int(flat.argmax())))
    return Output(
        spec.name,
        spec.shape,
        "ends",
        tuple(entry(index, f"{what} at {_position(values.shape, index)}") for what, index in ends),
    )


def _position(shape: tuple[int, ...], index: int) -> str:
    return f"({', '.join(str(int(i)) for i in np.unravel_index(index, shape))})"


def _range(spec: OutputSpec | HostTensor, values: npt.NDArray[np.float32]) -> tuple[float, float]:
    """What the codes of an output cover; for real values 0 to 1, or what this frame has beyond that."""
    match getattr(spec, "dtype", "int8"), spec.scale, spec.zero_point:
        case "int8", scale, zero if (scale, zero) != (1, 0):
            return scale * (-128 - zero), scale * (127 - zero)
        case "uint8", scale, zero:
            return scale * (0 - zero), scale * (255 - zero)
    finite = values[np.isfinite(values)]
    return min(0.0, float(finite.min(initial=0))), max(1.0, float(finite.max(initial=1)))
