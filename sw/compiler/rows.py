"""The output rows that a layer gives in each of several frames, side by side: the n-th of each frame.

Where frames are timed together a step is the same work in all of them, so that rows which a frame passes over
must not take part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import Op

from .network import Network
from .profile import Marks

Counts = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]

FOUND = 4
"""Cycles of the row finder before its first row, beside the lines of padding above the image."""

LEAST = 3
"""Cycles of it for a row whose kernel has fewer rows than that."""

AHEAD = 4
"""Cycles from a row that is taken to the next one, if that was found meanwhile."""


@dataclass(frozen=True)
class Rows:
    """Rows that are given.

    Attributes:
        rows: int64 (frames, most rows given in a frame); behind a frame's last one any others.
        given: Those that are, bool, of the same shape.
        advance: Rows from the one before, or from the tensor's top, to it; int64, likewise.
        left: Rows behind the last one, int64 (frames,).
    """

    rows: Counts
    given: Marks
    advance: Counts
    left: Counts

    @classmethod
    def of(cls, given: Marks) -> Rows:
        """From which rows are given: bool, (frames, rows)."""
        count = given.sum(axis=1)
        order = np.argsort(~given, axis=1, kind="stable")[:, : count.max(initial=0)]
        there = np.arange(order.shape[1]) < count[:, None]
        advance = np.where(there, np.diff(order, axis=1, prepend=-1), 0)
        return cls(order, there, advance, given.shape[1] - advance.sum(axis=1))

    def pick(self, of_rows: npt.NDArray[np.generic]) -> Times:
        """What there is of each row, (frames, rows, ...), for those given: zeros where there is none."""
        picked = of_rows[np.arange(len(self.rows))[:, None], self.rows].astype(np.float64)
        picked *= self.given.reshape(self.given.shape + (1,) * (picked.ndim - 2))
        return picked


def finding(network: Network, layer: int, rows: Rows) -> Times:
    """Cycles of the row finder from a row given to the next one, (rows + 1, frames); the last to its end."""
    step = network.step(layer)
    inputs = len(step.inputs)
    flags = step.window[0] + inputs - 1 if step.op is Op.MAC else max(step.window[0], inputs)
    cycles: Times = max(flags, LEAST) * np.column_stack([rows.advance, rows.left]).T.astype(float)
    before = max(step.padding[0][0], step.strides[0]) + FOUND
    some = rows.given.any(axis=1)
    cycles[0] += before * some
    cycles[-1] += before * ~some
    return cycles
