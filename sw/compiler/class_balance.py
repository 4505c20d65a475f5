"""An order of a tensor's channels by which the banks that share outputs have equal work.

All classes have to be through with a block of columns before its sums are complete. So channels are dealt to
the classes by their work, and change places until no exchange of two makes the busiest classes' work less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .network import NATURAL, Order

Float64 = npt.NDArray[np.float64]

Positions = npt.NDArray[np.intp]
"""The model's channel at each position, (channels,)."""

LEAST_GAIN = 1e-4
"""Share of what an order is to lessen that an exchange has to take away: less is not worth the time."""


@dataclass(frozen=True)
class Work:
    """What a layer's input channels give the banks to do.

    Attributes:
        share: Number of classes: that of a channel is its position modulo this.
        cycles: A channel's cycles in blocks of columns, float64 (blocks, channels of the model).
    """

    share: int
    cycles: Float64

    def busiest(self, order: Positions) -> float:
        """Cycles of each block's busiest class, summed."""
        return float(self._classes(order).max(axis=1).sum())

    def gains(self, order: Positions, first: int) -> Float64:
        """What :meth:`busiest` loses by an exchange of the channel at one position with that at each other,
        (channels,); 0 for those of its own class."""
        classes, own = self._classes(order), first % self.share
        gains = np.zeros(len(order))
        before = classes.max(axis=1).sum()
        for other in range(self.share):
            if other == own:
                continue
            rest = np.delete(classes, (own, other), axis=1).max(axis=1, initial=0)
            more = self.cycles[:, order[other :: self.share]] - self.cycles[:, order[first], None]
            after = np.maximum(classes[:, own, None] + more, classes[:, other, None] - more)
            gains[other :: self.share] = before - np.maximum(after, rest[:, None]).sum(axis=0)
        return gains

    def _classes(self, order: Positions) -> Float64:
        """Cycles of each class, (blocks, classes)."""
        cycles = self.cycles[:, order]
        return np.stack([cycles[:, first :: self.share].sum(axis=1) for first in range(self.share)], axis=1)


def balanced(works: Sequence[Work]) -> Order:
    """An order in which no exchange of two channels takes cycles from the busiest classes of all blocks; that
    of the model if it is as good.

    Args:
        works: Of layers that read the channels, the same ones.
    """
    order = _dealt(works)
    natural = np.arange(len(order))
    least = LEAST_GAIN * sum(work.busiest(natural) for work in works)
    exchanged = True
    while exchanged:
        exchanged = False
        for first in range(len(order)):
            gains = np.sum([work.gains(order, first) for work in works], axis=0)
            second = int(np.argmax(gains))
            if gains[second] > least:
                order[[first, second]] = order[[second, first]]
                exchanged = True
    gain = sum(work.busiest(natural) - work.busiest(order) for work in works)
    return tuple(order.tolist()) if gain > least else NATURAL


def _dealt(works: Sequence[Work]) -> Positions:
    """Channels dealt to the classes, the busiest ones first and to and fro: classes get about as much."""
    total = np.sum([work.cycles.sum(axis=0) for work in works], axis=0)
    classes = max(work.share for work in works)
    places = np.arange(len(total))
    rounds, at = divmod(places, classes)
    last = np.minimum(len(total) - rounds * classes, classes) - 1
    order = np.empty_like(places)
    order[rounds * classes + np.where(rounds % 2, last - at, at)] = np.argsort(-total, kind="stable")
    return order
