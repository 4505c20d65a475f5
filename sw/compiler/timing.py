"""When the accelerator's units are through with each pass of a layer, in one frame.

The units and their throughputs are those of ``hw/README.md``: the row finder gives output rows, the walker
goes over their pixels pass by pass, events wait in a queue for the array, which hands its sums over to the
drain; in a layer that reads codes the tags wait for the window reader; the mask writer comes last. Time is
kept pass by pass, not cycle by cycle, and what fills a pipeline is a constant, found with the hardware.
"""

from __future__ import annotations

import numpy as np

from stillframe.contract import Op
from stillframe.contract.array import MASK_BITS

from .layout import TensorLayout
from .network import Network
from .pace import pace
from .profile import Marks
from .walk import Counts, Walk

QUEUE = 17
"""Mask words with events that may be on their way from the walker to the array."""

TAGS = 9
"""Passes that may be between the walker and the drain, or the window reader."""

WORDS = 32
"""Words that may be between the drain, or the window reader, and the mask writer."""

FETCH = 6
"""Cycles from the walker's step to the tag."""

FILL = 14
"""Cycles from the walker's step to the array's first event of that mask word."""

WRITTEN = {Op.MAC: 30, Op.ADD: 20, Op.POOL: 12, Op.CONCAT: 12}
"""Cycles from a word drained, or the last one read for it, to the mask writer."""


def time_layer(network: Network, layer: int, everything: bool, work: Walk, flags: Marks) -> float:
    """Cycles of a layer other than the input, from its start until all of its output is in the masks.

    Args:
        everything: Every output is given, also where nothing changed.
        work: What the event finder has to do.
        flags: Output rows with events: bool, (rows,).
    """
    step, target = network.step(layer), network.layouts[layer]
    writer = _Writer(WRITTEN[step.op])
    unit = _Array(writer) if step.op is Op.MAC else _Reader(writer, target.words)
    paces, (first, last) = pace(network, layer), _mask_words(network, layer)
    kernel_rows = 2 if len(step.inputs) == 2 else step.window[0]
    given = np.ones_like(work.live) if everything else work.live
    every = everything or step.op is Op.CONCAT
    offered: float = step.padding[0][0] + kernel_rows + 4
    walked: float = 0
    row_before, word_before = -1, -1  # of the last pass given
    for row in range(target.height):
        passes = np.arange(len(first)) if every else np.flatnonzero(work.events[row])
        if given[row]:
            # The walker takes the row when both are ready; the row finder goes on to the next at once.
            offered = max(offered, walked)
            over = np.maximum(first[passes] - np.append(word_before, last[passes[:-1]])[: len(passes)] - 1, 0)
            if len(passes) and row != row_before:
                over[0] = max(first[passes[0]] - 1, 0) + closing(target, flags, row_before, word_before, row)
            ends = np.cumsum(work.steps[row])
            now, before = offered + 1, 0
            for end, steps, words, events, cycles, skipped in zip(
                ends[passes].tolist(),
                work.steps[row][passes].tolist(),
                np.maximum(work.words[row][passes], 1).tolist(),
                np.maximum(work.events[row][passes], 1).tolist(),
                paces[row][passes].tolist(),
                over.tolist(),
                strict=True,
            ):
                now = unit.take(now + end - before, steps, words, events, cycles, skipped)
                before = end
            walked = now + int(ends[-1]) - before
            if len(passes):
                row_before, word_before = row, int(last[passes[-1]])
        offered += kernel_rows + step.strides[0] + 5
    found = max(offered - step.strides[0] - kernel_rows - 4, walked + FETCH)
    return max(found, writer.done) + closing(target, flags, row_before, word_before, target.height)


def closing(layout: TensorLayout, flags: Marks, row: int, word: int, until: int) -> int:
    """Cycles of the mask writer from a mask word that it gathers to a later row's first one.

    Args:
        layout, flags: The tensor, and its rows with events: bool, (rows,).
        row, word: Where it is, the word counted from its row's first; row -1 before the tensor's first word.
        until: The row.
    """
    if row < 0:
        return until
    rest = layout.pitch * layout.drain // MASK_BITS - 1 - word if flags[row] else 0
    return until - row + rest


def _mask_words(network: Network, layer: int) -> tuple[Counts, Counts]:
    """First and last mask word of an output row that each pass writes to: int64 (passes of a row,)."""
    target, config = network.layouts[layer], network.config
    passes = network.groups(layer) if network.step(layer).op is Op.MAC else 1
    full = config.total_lanes // config.drain if passes > 1 else target.words
    starts = np.arange(passes) * full
    ends = np.minimum(starts + full, target.words) - 1
    pixels = np.arange(target.width)[:, None] * target.words
    words = MASK_BITS // config.drain
    return (pixels + starts).ravel() // words, (pixels + ends).ravel() // words


class _Writer:
    """The mask writer: a cycle a word, and one for each mask word and row passed over in between."""

    def __init__(self, latency: int) -> None:
        self._latency = latency
        self._words = [0]  # up to and with each pass
        self._done = [0.0]
        self._oldest = 1  # the pass with the word that has to be written next

    def take(self, now: float, words: int, skipped: int) -> float:
        """Words of a pass, the last of which is ready at ``now``; when there was room for it."""
        count, done = self._words, self._done
        count.append(count[-1] + words)
        left = count[-1] - WORDS
        if left > 0:
            while count[self._oldest] < left:
                self._oldest += 1
            at = self._oldest
            if at < len(done):
                now = max(now, done[at] - (count[at] - left))
        done.append(max(now - words + self._latency, done[-1]) + skipped + words)
        return now

    @property
    def done(self) -> float:
        """When the last word was written."""
        return self._done[-1]


class _Array:
    """The queue before the array, the array, and the drain, which takes a pass's sums when it is free."""

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer
        self._words = [0]  # up to and with each pass
        self._begun = [0.0]
        self._taken = [0.0]  # by the drain
        self._oldest = 1  # the pass with the word that has to leave the queue next
        self._free = 0.0  # when the drain is

    def take(self, now: float, steps: int, words: int, events: int, drained: float, skipped: int) -> float:
        """A pass that the walker would be through with at ``now``; when it is, since queues may be full.

        Args:
            steps: Cycles in which the walker goes over it.
            words, events: Mask words with events, and events, one at least (one that is null).
            drained: Cycles of the drain, one a word.
            skipped: Mask words and rows between the pass before and this one.
        """
        begun, taken, count = self._begun, self._taken, self._words
        begin = max(taken[-1], now - steps + FILL)
        begun.append(begin)
        count.append(count[-1] + words)
        if len(taken) >= TAGS:
            now = max(now, taken[-TAGS] - FETCH)
        left = count[-1] - QUEUE
        if left > 0:
            while count[self._oldest] < left:
                self._oldest += 1
            at = self._oldest
            share = (left - count[at - 1]) / (count[at] - count[at - 1])
            end = taken[at] if at < len(taken) else begin + events
            now = max(now, begun[at] + share * (end - begun[at]) - FILL)
        end = max(begin + events, now + FILL + events / words)
        taken.append(max(end, self._free))
        self._free = self._writer.take(taken[-1] + drained, int(drained), skipped)
        return now


class _Reader:
    """The window reader: it has a pixel for as long as it reads for it."""

    def __init__(self, writer: _Writer, words: int) -> None:
        self._writer = writer
        self._written = words
        self._taken = [0.0]
        self._free = 0.0

    def take(self, now: float, steps: int, words: int, events: int, read: float, skipped: int) -> float:
        """As :meth:`_Array.take`; ``read`` is how long the reader has the pixel."""
        taken = self._taken
        if len(taken) >= TAGS:
            now = max(now, taken[-TAGS] - FETCH)
        taken.append(max(self._free, now + FETCH))
        self._free = self._writer.take(taken[-1] + read, self._written, skipped)
        return now
