"""What the hardware counted, frame by frame and layer by layer, and its means. No estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import Counter, Program
from stillframe.driver import FrameResult

SCHEMA = "stillframe.run/1"
"""Version of the object that ``--json`` writes."""


@dataclass(frozen=True)
class FrameCounts:
    """Counts of one frame.

    Attributes:
        index: Number of the frame in the clip.
        key: Whether it was computed from scratch.
        cycles: From the first input event to the last output; the link is not counted.
        layers: int64 (layers, 4), columns as :class:`~stillframe.contract.Counter`.
        checked: Output values compared.
        mismatches: Output values that differed.
    """

    index: int
    key: bool
    cycles: int
    layers: npt.NDArray[np.int64]
    checked: int
    mismatches: int

    @property
    def macs_issued(self) -> int:
        """Multiplications done."""
        return int(self.layers[:, Counter.MACS_ISSUED].sum())

    @property
    def macs_dense(self) -> int:
        """Multiplications that a dense pass does, over taps inside the image."""
        return self.macs_issued + int(self.layers[:, Counter.MACS_SKIPPED].sum())


def counts_of(index: int, result: FrameResult, checked: int, mismatches: int) -> FrameCounts:
    """The counts that a device gave with a frame's answer."""
    rows = [(c.cycles, c.macs_issued, c.macs_skipped, c.events) for c in result.layers]
    return FrameCounts(index, result.key, result.cycles, np.array(rows, np.int64), checked, mismatches)


@dataclass(frozen=True)
class Means:
    """Means over frames.

    Attributes:
        cycles, macs_dense, macs_issued: Of a frame.
        lanes: Lanes of the whole array.
    """

    cycles: float
    macs_dense: float
    macs_issued: float
    lanes: int

    @property
    def bound_cycles(self) -> float:
        """Cycles that the issued multiplications take if no lane ever waits."""
        return self.macs_issued / self.lanes

    @property
    def lane_utilisation(self) -> float:
        """Share of the lanes' cycles in which they multiply, 0 to 1."""
        return self.bound_cycles / self.cycles if self.cycles else 0.0


@dataclass
class Statistics:
    """Counts of a run with a program. Means are over non-key frames, None where there are none."""

    program: Program
    frames: list[FrameCounts] = field(default_factory=list)

    @property
    def steady(self) -> list[FrameCounts]:
        """The non-key frames."""
        return [frame for frame in self.frames if not frame.key]

    @property
    def mismatches(self) -> int:
        """Output values that differed, over all frames."""
        return sum(frame.mismatches for frame in self.frames)

    @property
    def checked(self) -> int:
        """Output values compared, over all frames."""
        return sum(frame.checked for frame in self.frames)

    def total(self) -> Means | None:
        """Means of whole frames."""
        return self.means(self.steady)

    def means(self, frames: Sequence[FrameCounts]) -> Means | None:
        """Means of whole frames over some of them."""
        if not frames:
            return None
        return Means(
            cycles=_mean([f.cycles for f in frames]),
            macs_dense=_mean([f.macs_dense for f in frames]),
            macs_issued=_mean([f.macs_issued for f in frames]),
            lanes=self.program.config.total_lanes,
        )

    def by_layer(self) -> list[Means] | None:
        """Means of each layer of the program."""
        if not self.steady:
            return None
        counts = np.mean([f.layers for f in self.steady], axis=0)
        return [
            Means(
                cycles=float(c[Counter.CYCLES]),
                macs_dense=float(c[Counter.MACS_ISSUED] + c[Counter.MACS_SKIPPED]),
                macs_issued=float(c[Counter.MACS_ISSUED]),
                lanes=self.program.config.total_lanes,
            )
            for c in counts
        ]

    def as_json(self, clip: str, mode: str, threshold: int) -> dict[str, Any]:
        """The object that ``--json`` writes. Means are null if there is no non-key frame."""
        total = self.total()
        layers: Sequence[Means | None] = self.by_layer() or [None] * len(self.program.layers)
        return {
            "schema": SCHEMA,
            "model": self.program.model,
            "clip": clip,
            "array": self.program.config.name,
            "mode": mode,
            "threshold": threshold,
            "frames": [
                {
                    "index": f.index,
                    "key": f.key,
                    "cycles": f.cycles,
                    "macs_dense": f.macs_dense,
                    "macs_issued": f.macs_issued,
                    "mismatches": f.mismatches,
                }
                for f in self.frames
            ],
            "layers": [
                {
                    "name": layer.name,
                    "op": layer.op,
                    "mode": layer.mode.name.lower(),
                    "cycles": means and means.cycles,
                    "macs_dense": means and means.macs_dense,
                    "macs_issued": means and means.macs_issued,
                }
                for layer, means in zip(self.program.layers, layers, strict=True)
            ],
            "total": {
                "cycles_per_frame": total and total.cycles,
                "macs_dense_per_frame": total and total.macs_dense,
                "macs_issued_per_frame": total and total.macs_issued,
                "bound_cycles_per_frame": total and total.bound_cycles,
                "lane_utilisation": total and total.lane_utilisation,
                "outputs_checked": self.checked,
                "mismatches": self.mismatches,
            },
        }


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)
