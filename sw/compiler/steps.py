"""What each unit does in each step of a MAC layer: a block of columns in a pass over a row.

Steps of frames are side by side (:class:`~.rows.Rows`); where a frame has no row left there is no work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillframe.contract.array import MASK_COLUMNS, SLOTS

from .network import Network
from .profile import Marks
from .rows import Counts, Rows, Times
from .walk import Row, Walk


@dataclass(frozen=True)
class Steps:
    """Work of the units: float64 (steps, frames), of scanners and banks (steps, frames, classes).

    Attributes:
        rows: The rows given.
        row: Steps of a row.
        looks: Requests of the walker in one kernel row and channel word, int64 (steps of a row,).
        requests: Its requests.
        words: What of them a class's scanners have to look at: words with events, and a mark. Of the scanner
            that has most, as is ``scan``.
        scan: Cycles for that, one an event and one the mark.
        items: Events of a class, and its mark.
        taps: Cycles of a class's banks.
        drain: Cycles of the drain for the pixels that the step completes.
        drained: Words that it drains.
        write: Cycles of the mask writer for them.
        slot: The step in which the pixel is drained whose slot the step's last pixel needs, int64 (steps,);
            -1 where no pixel has had it.
        behind: Cycles of that step's drain behind that pixel.
        late: Share of the step's work from the first column on that has to wait for that step.
        rest: Share of its work from the last column on that has to wait for that pixel.
        strips: Number of the strip that the step is part of, int64 (steps,).
    """

    rows: Rows
    row: int
    looks: Counts
    requests: Times
    words: Times
    scan: Times
    items: Times
    taps: Times
    drain: Times
    drained: Times
    write: Times
    slot: Counts
    behind: Times
    late: Times
    rest: Times
    strips: Counts

    @classmethod
    def of(cls, network: Network, layer: int, whole: Marks, walk: Walk, flags: Marks) -> Steps:
        """Of a MAC layer.

        Args:
            whole: Output rows of which all pixels are given, touched or not: bool, (frames, rows).
            flags: Output rows with events: bool, (frames, rows).
        """
        rows = Rows.of((walk.live > 0) | whole)
        row, passes = walk.row, network.groups(layer)
        there = rows.given[:, :, None, None, None].astype(np.float64)

        def steps(of_rows: Times) -> Times:
            """(frames, rows, passes or 1, blocks, ...) to (steps, frames, ...)."""
            shape = of_rows.shape
            spread = np.broadcast_to(of_rows, (*shape[:2], passes, *shape[3:]))
            flat = spread.reshape(shape[0], -1, *shape[4:])
            return np.ascontiguousarray(np.moveaxis(flat, 0, 1))

        def of_class(counts: Counts) -> Counts:
            """Of class i are the groups q with q % classes == i: (..., groups) to (..., members, classes)."""
            return counts.reshape(*counts.shape[:-1], -1, network.share(layer))

        mark = there * (np.diff(row.complete, prepend=0) > 0)[:, None]
        events, taps = of_class(walk.events), rows.pick(of_class(walk.cycles).sum(axis=-2))
        single = rows.pick(of_class(walk.single).sum(axis=-2)) > 0
        pass_words = np.full(passes, network.pass_channels(layer) // network.config.drain)
        pass_words[-1] = network.layouts[layer].words - pass_words[:-1].sum()
        touched = walk.touched | whole[:, :, None, None]
        words = rows.pick(touched * pass_words[:, None])
        cycles = words * network.word_cycles(layer)
        drain = np.maximum(cycles, there[..., 0])
        write = _by_block(cycles, row)
        write[..., -1] += rows.pick(_closing(touched, pass_words) * flags[:, :, None])
        slot, behind, early = _slots(drain, row)
        # Columns that need not wait are in each request, so only those of the first are before one that must.
        requests = np.maximum(rows.pick(walk.requests)[:, :, None], there[..., 0])
        in_first = row.of_block.sum(axis=0) / np.maximum(requests, 1)
        late = 1 - in_first * early.reshape(-1, passes, len(row.complete))
        rest = 1 - in_first * (1 - 1 / row.asked.sum(axis=0).max(initial=1))
        first_strip = np.arange(drain.shape[1] * passes)[:, None] * (row.strip[-1] + 1)
        return cls(
            rows=rows,
            row=passes * len(row.complete),
            looks=np.tile(row.of_block.sum(axis=0), passes),
            requests=steps(requests),
            words=steps(rows.pick(of_class(walk.words).max(axis=-2)) + mark),
            scan=steps(rows.pick(events.max(axis=-2)) + mark),
            items=steps(rows.pick(events.sum(axis=-2)) + mark),
            taps=steps(taps + single * mark),
            drain=steps(_by_block(drain, row)),
            drained=steps(_by_block(words, row)),
            write=steps(write),
            slot=slot,
            behind=behind,
            late=steps(late),
            rest=steps(rest),
            strips=(first_strip + row.strip).reshape(-1),
        )


def _by_block(pixels: Times, row: Row) -> Times:
    """Sums over the pixels that each block completes: (..., pixels) to (..., blocks)."""
    sums = np.zeros((*pixels.shape[:-1], pixels.shape[-1] + 1))
    np.cumsum(pixels, axis=-1, out=sums[..., 1:])
    return np.diff(sums[..., row.complete], axis=-1, prepend=0)


def _slots(drain: Times, row: Row) -> tuple[Counts, Times, Times]:
    """``slot`` and ``behind`` of :class:`Steps`, and the share of a step's columns that need not wait for it.

    Args:
        drain: Cycles of the drain, (frames, rows, passes, pixels).
    """
    frames, rows, passes, pixels = drain.shape
    drain = drain.reshape(frames, -1, pixels)
    pixel = np.arange(rows * passes)[:, None] * pixels + row.highest - SLOTS
    there = np.maximum(pixel, 0)
    in_pass, place = there // pixels, there % pixels
    block = np.searchsorted(row.complete, place, side="right")
    sums = drain.cumsum(axis=-1)
    behind = sums[:, in_pass, row.complete[block] - 1] - sums[:, in_pass, place]
    slot = np.where(pixel < 0, -1, in_pass * len(row.complete) + block)
    before = in_pass * pixels + np.concatenate([[0], row.complete])[block]  # pixels drained before that step
    free = before + SLOTS - np.arange(rows * passes)[:, None] * pixels - row.lowest
    early = (free / (row.highest - row.lowest + 1)).clip(0, 1)
    return slot.reshape(-1), np.ascontiguousarray(behind.reshape(frames, -1).T), early


def _closing(touched: Marks, pass_words: Counts) -> Counts:
    """Cycles of the mask writer for a pass over a row, beside one for each word: (frames, rows, passes).

    The last mask words that it gathered, and those of columns where no pixel was drained.
    """
    pixels = touched.shape[-1]
    padded = np.pad(touched, ((0, 0), (0, 0), (0, 0), (0, -pixels % MASK_COLUMNS)))
    full = np.logical_or.reduce(padded.reshape(*touched.shape[:-1], -1, MASK_COLUMNS), axis=-1)
    cycles: Counts = (full.any(axis=-1) + (~full).sum(axis=-1)) * pass_words
    return cycles
