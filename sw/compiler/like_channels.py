"""An order of a tensor's channels by which those that are events together stand in one group.

A depthwise layer takes the channels of a group in a pixel as one event, whichever of them are events. So it
has least to do if channels that change in the same pixels are neighbours there.
"""

from __future__ import annotations

import numpy as np

from .class_balance import LEAST_GAIN, Positions
from .network import NATURAL, Order
from .profile import Marks
from .walk import Counts

PIXELS = 1 << 16
"""Pixels that are looked at, at most: evenly spread ones."""


def gathered(events: Marks, word: int, groups: int) -> Order:
    """An order in which no exchange of two channels takes events from the groups; that of the model if it is
    as good.

    Args:
        events: Which channels of the model are events, bool (pixels, channels).
        word: Channels of a word.
        groups: Into which a word's channels are divided: position p is of group p % groups.
    """
    events = events[events.any(axis=1)]
    events = events[:: 1 + len(events) // PIXELS].T
    places = np.arange(len(events))
    cells = places // word * groups + places % groups
    order, natural = _grown(events, cells), _events(events, cells).sum()
    found = _events_with(events, cells, order, places)
    while True:
        gains = _gains(found[:, order], cells)
        first, second = divmod(int(np.argmax(gains)), len(order))
        if gains[first, second] <= LEAST_GAIN * natural:
            break
        order[[first, second]] = order[[second, first]]
        touched = np.flatnonzero(np.isin(cells, cells[[first, second]]))
        found[touched] = _events_with(events, cells, order, touched)
    order = order[_by_activity(_events(events[order], cells), cells)]
    gain = natural - _events(events[order], cells).sum()
    return tuple(order.tolist()) if gain > LEAST_GAIN * natural else NATURAL


def _grown(events: Marks, cells: Positions) -> Positions:
    """The channel at each position if each cell takes the busiest one left, and then those that add least."""
    order, left = np.empty_like(cells), np.ones(len(cells), np.bool_)
    for cell in range(cells.max() + 1):
        taken = np.zeros(events.shape[1], np.bool_)
        for place in np.flatnonzero(cells == cell):
            more = (events & ~taken).sum(axis=1)
            channels = np.flatnonzero(left)
            chosen = more[channels].argmin() if taken.any() else more[channels].argmax()
            order[place] = channels[chosen]
            left[channels[chosen]] = False
            taken |= events[order[place]]
    return order


def _events(events: Marks, cells: Positions) -> Counts:
    """Events of each cell, a group of a word: (cells,)."""
    return np.array([events[cells == cell].any(axis=0).sum() for cell in range(cells.max() + 1)])


def _events_with(events: Marks, cells: Positions, order: Positions, places: Positions) -> Counts:
    """Events that a place's cell has with each channel there instead of its own: (places, channels)."""
    others = np.zeros((len(places), events.shape[1]), np.bool_)
    for beside, place in zip(others, places, strict=True):
        beside |= events[order[(cells == cells[place]) & (np.arange(len(cells)) != place)]].any(axis=0)
    # Floating point is exact here, and multiplies faster than integers.
    both = (others.astype(np.float32) @ events.T.astype(np.float32)).astype(np.int64)
    found: Counts = others.sum(axis=1)[:, None] + events.sum(axis=1) - both
    return found


def _gains(found: Counts, cells: Positions) -> Counts:
    """How many events less there are if the channels of two places change places, (places, places).

    Args:
        found: Events of a place's cell with the channel of another place.
    """
    now = np.diag(found)
    gains: Counts = now[:, None] + now - found - found.T
    gains[cells[:, None] == cells] = 0
    return gains


def _by_activity(events: Counts, cells: Positions) -> Positions:
    """Positions with cells of one size in the order of their events: those of a word have about as many."""
    order = np.arange(len(cells))
    sizes = np.bincount(cells)
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        for cell, taken in zip(alike, alike[np.argsort(-events[alike], kind="stable")], strict=True):
            order[cells == cell] = np.flatnonzero(cells == taken)
    return order
