"""When the accelerator's units are through with each step of a MAC layer, in all frames at once.

The units and their throughputs are those of ``hw/README.md``: the row finder gives output rows, the walker
goes over them block by block, scanners find the events, the banks of each class multiply them, the drain
takes the sums pixel by pixel, the mask writer comes last. Time is kept step by step, not cycle by cycle: to
wait is a maximum, to work a sum, and what fills a pipeline is a constant, found with the hardware.
"""

from __future__ import annotations

import numpy as np

from .rows import AHEAD, Times
from .steps import Steps

ROW = 8
"""Cycles from a row that the walker takes to its first look."""

STRIP = 2
"""Cycles of the walker from a strip's last look to the next one's first."""

LOOKS = 8
"""Looks at a block's columns that may wait until there is a request for every kernel row and channel word."""

LOOKED = 8
"""Cycles from a look to its first request."""

STRIPS = 5
"""Strips that the walker may have given to the drain, the one under way included."""

WORDS_FOUND = 17
"""Words with events, and marks, that may wait before a scanner."""

EVENTS = 17
"""Events and marks that may wait behind a scanner, and as many before a bank."""

SCAN = 6
"""Cycles from the walker's request to the first column looked at."""

FILL = 10
"""Cycles from a column looked at to the first tap of its event."""

ADDED = 6
"""Cycles from a block's last tap until the drain sees that its sums are complete."""

WORDS = 64
"""Words that may be between the drain and the mask writer."""

WRITTEN = 32
"""Cycles from a word drained to the mask writer."""

SUMMED = 21
"""Cycles more if a second tensor is added to it, and as many as the drain takes for the word."""

COPIED = 4
"""Cycles from a layer's start until its first word can be drained, beside one for each row that is copied of
its parameters."""


def time_mac(steps: Steps, find: Times, groups: int, copying: int = 0, fused: int = 0) -> Times:
    """Cycles from a layer's start until all of its output is in the masks: (frames,).

    Args:
        steps: What there is to do.
        find: Cycles of the row finder (:func:`~.rows.finding`).
        groups: Scanners, of all classes together.
        copying: Rows of parameters to be copied before a word is drained.
        fused: Cycles of the drain for a word if a second tensor is added to what the layer gives, else 0.
    """
    written = WRITTEN + SUMMED + fused if fused else WRITTEN
    count, frames, classes = steps.taps.shape
    if not count:
        return find[-1]
    by_frame, by_class = (count + 1, frames), (count + 1, frames, classes)
    # When a step begins and ends; that before the first one at 0.
    look_end, walk_begin, walk_end = np.zeros(by_frame), np.zeros(by_frame), np.zeros(by_frame)
    scan_begin, scan_end = np.zeros(by_class), np.zeros(by_class)
    bank_begin, bank_end = np.zeros(by_class), np.zeros(by_class)
    drain_begin, drain_end, write_begin, write_end = (np.zeros(by_frame) for _ in range(4))
    copied = COPIED + copying if copying else 0
    waiting = EVENTS * (1 + groups // classes) if groups > 1 else EVENTS
    before_scan, before_bank = _Queue(steps.words, WORDS_FOUND), _Queue(steps.items, waiting)
    before_write = _Queue(steps.drained, WORDS)
    strips = np.searchsorted(steps.strips, np.arange(-STRIPS, steps.strips[-1] + 1), side="right")
    looks = np.resize(steps.looks, count)
    looked = np.searchsorted(looks.cumsum(), looks.cumsum() - LOOKS, side="left")
    row_found, row_taken = np.zeros((len(find), frames)), np.zeros(frames)
    for n in range(count):
        now = look_end[n]
        row, in_row = divmod(n, steps.row)
        if in_row == 0:
            row_found[row + 1] = np.maximum(row_found[row] + find[row], row_taken + AHEAD)
            row_taken = np.maximum(row_found[row + 1], now)
            now = np.maximum(row_found[row + 1] + ROW - STRIP, now)
        if n == 0 or steps.strips[n] > steps.strips[n - 1]:
            now = np.maximum(now + STRIP, drain_end[strips[steps.strips[n]]])
        look_end[n + 1] = np.maximum(now + looks[n], walk_begin[looked[n]])

        walk_begin[n + 1] = now = np.maximum(walk_end[n], now + LOOKED)
        scan_begin[n + 1] = np.maximum(scan_end[n], now[:, None] + SCAN)
        scan_end[n + 1] = scan_begin[n + 1] + steps.scan[n]
        room = before_scan.room(n, scan_begin[1:], scan_end[1:]).max(axis=1)
        now = np.maximum(np.maximum(now + steps.requests[n], look_end[n + 1] + LOOKED), room)
        walk_end[n + 1] = now

        bank_begin[n + 1] = begin = np.maximum(bank_end[n], scan_begin[n + 1] + FILL)
        bank_end[n + 1] = begin + steps.taps[n]
        if (slot := steps.slot[n] + 1) > 0:
            first = (drain_begin[slot] + 1)[:, None] + steps.taps[n] * steps.late[n, :, None]
            last = (drain_end[slot] - steps.behind[n])[:, None] + steps.taps[n] * steps.rest[n, :, None]
            bank_end[n + 1] = np.maximum(bank_end[n + 1], np.maximum(first, last))
        room = before_bank.room(n, bank_begin[1:], bank_end[1:])
        scan_end[n + 1] = np.maximum(np.maximum(scan_end[n + 1], now[:, None] + SCAN), room)
        bank_end[n + 1] = np.maximum(bank_end[n + 1], scan_end[n + 1] + FILL)

        complete = np.maximum(bank_end[n + 1].max(axis=1) + ADDED, copied)
        begin = np.maximum(drain_end[n], complete)
        drain_begin[n + 1], drain_end[n + 1] = begin, begin + steps.drain[n]
        write_begin[n + 1] = np.maximum(write_end[n], begin + written)
        write_end[n + 1] = write_begin[n + 1] + steps.write[n]
        room = before_write.room(n, write_begin[1:], write_end[1:])
        drain_end[n + 1] = np.maximum(drain_end[n + 1], room)
    # Steps behind a frame's last row take nothing, but may wait for what is before them.
    rows, frame = steps.rows.given.sum(axis=1), np.arange(frames)
    done: Times = np.maximum(write_end[rows * steps.row, frame], row_found[rows, frame] + find[-1])
    return done


class _Queue:
    """Room in a queue: a step ends when what is before its last ``length`` items was taken.

    Args:
        counts: Items of each step, (steps, ...).
        length: Of the queue.
    """

    def __init__(self, counts: Times, length: int) -> None:
        each = counts.reshape(len(counts), -1)
        total = each.cumsum(axis=0)
        left = total - length
        columns = np.arange(each.shape[1])
        at = np.stack([np.searchsorted(total[:, c], left[:, c]) for c in columns], axis=1)
        items = np.maximum(each[at, columns], 1)
        self._at = (at * len(columns) + columns).reshape(counts.shape)
        self._share = (1 + (left - total[at, columns]) / items).reshape(counts.shape)
        self._never = np.where(left > 0, 0, -np.inf).reshape(counts.shape)

    def room(self, step: int, begins: Times, ends: Times) -> Times:
        """When there is room for the last item of a step; minus infinity if there always is.

        Args:
            begins, ends: When the consumer begins and ends each step up to and with this one, (steps, ...).
        """
        at = self._at[step]
        begin = begins.reshape(-1)[at]
        time: Times = begin + self._share[step] * (ends.reshape(-1)[at] - begin) + self._never[step]
        return time
