"""When a layer on codes is through with each row: a maximum, a sum, or a concatenation of windows."""

from __future__ import annotations

import numpy as np

from stillframe.contract import Op

from .network import Network
from .profile import Marks
from .rows import AHEAD, Counts, Rows, Times, finding

FIRST = 6
"""Cycles from a row to its first read."""

ENCODED = {Op.ADD: 28, Op.POOL: 10, Op.CONCAT: 10}
"""Cycles from the last word read for an output word to the encoder's read of the one last sent; of an ADD as
many more as the adder takes for that word."""

WRITTEN = 7
"""Cycles from there to the mask writer."""

COPIED = 4
"""Cycles from an ADD layer's start to its first read, beside one for each row that is copied of its
parameters."""


def time_windows(network: Network, layer: int, given: Marks, flags: Marks) -> Times:
    """Cycles of a POOL, ADD or CONCAT layer, from its start until its output is in the masks: (frames,).

    Args:
        given: Output rows that are evaluated: bool, (frames, rows).
        flags: Output rows with events, likewise.
    """
    step, target = network.step(layer), network.layouts[layer]
    rows = Rows.of(given)
    find = finding(network, layer, rows)
    reads = rows.pick(np.broadcast_to(row_reads(network, layer), given.shape)).T
    closing = rows.pick(flags * target.words).T
    after = ENCODED[step.op] + (network.config.add_cycles if step.op is Op.ADD else 0)
    # The encoder reads for the last words when no window is read any more.
    encoded = target.width * target.words / np.maximum(reads, 1)
    found = taken = reader = writer = np.zeros(len(given))
    if copying := network.copying(layer):
        reader = reader + COPIED + copying
    for row, cycles in enumerate(reads):
        there = rows.given[:, row]
        found = np.where(there, np.maximum(found + find[row], taken + AHEAD), found)
        taken = np.maximum(found, reader - FIRST)
        reader = np.where(there, np.maximum(taken + FIRST, reader) + cycles, reader)
        last = reader + after * (1 - encoded[row]) + WRITTEN
        writer = np.where(there, np.maximum(last, writer) + closing[row], writer)
    return np.maximum(writer, found + find[-1])


def row_reads(network: Network, layer: int) -> Counts:
    """Cycles in which the CODES memory is read for each output row: int64 (rows,).

    A word of the windows each, and one of the codes last sent for each word of output. Where the adder takes
    more than a cycle for a word, the latter is read in between.
    """
    step, target = network.step(layer), network.layouts[layer]
    sources = [network.layouts[source] for source in network.sources(layer)]
    if step.op is Op.CONCAT:
        read = sum(source.words for source in sources)
        return np.full(target.height, target.width * (read + target.words))
    inside = []
    for axis, size in enumerate((sources[0].height, sources[0].width)):
        place = np.arange((target.height, target.width)[axis]) // step.repeat[axis]
        start = place * step.strides[axis] - step.padding[axis][0]
        inside.append((start + step.window[axis]).clip(0, size) - start.clip(0, size))
    taps = np.maximum(inside[0][:, None] * inside[1], 1) * len(sources)
    cycles = np.maximum(taps * network.config.add_cycles, taps + 1) if step.op is Op.ADD else taps + 1
    reads: Counts = cycles.sum(axis=1) * target.words
    return reads
