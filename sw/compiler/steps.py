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
        begins: A strip begins in the step, bool (steps of a row,).
        requests: Requests of the walker.
        scan: Cycles of the scanner that takes longest of a class's.
        items: Events of a class, and its mark.
        taps: Cycles of a class's banks.
        drain: Cycles of the drain for the pixels that the step completes.
        words: Words that it drains.
        write: Cycles of the mask writer for them.
        slot: The step in which the pixel is drained whose slot the step's last pixel needs, int64 (steps,);
            -1 where no pixel has had it.
        behind: Cycles of that step's drain behind that pixel.
    """

    rows: Rows
    row: int
    begins: Marks
    requests: Times
    scan: Times
    items: Times
    taps: Times
    drain: Times
    words: Times
    write: Times
    slot: Counts
    behind: Times

    @classmethod
    def of(cls, network: Network, layer: int, everything: bool, walk: Walk, flags: Marks) -> Steps:
        """Of a MAC layer.

        Args:
            everything: Every output is given, also where nothing changed.
            flags: Output rows with events: bool, (frames, rows).
        """
        rows = Rows.of(np.ones_like(flags) if everything else walk.live > 0)
        row, passes = walk.row, network.groups(layer)
        there = rows.given[:, :, None, None].astype(np.float64)

        def steps(of_rows: Times) -> Times:
            """(frames, rows, passes or 1, blocks, ...) to (steps, frames, ...)."""
            shape = of_rows.shape
            spread = np.broadcast_to(of_rows, (*shape[:2], passes, *shape[3:]))
            flat = spread.reshape(shape[0], -1, *shape[4:])
            return np.ascontiguousarray(np.moveaxis(flat, 0, 1))

        # Of class i are the groups q with q % classes == i.
        by_class = (*walk.events.shape[:-1], -1, network.share(layer))
        events, taps = walk.events.reshape(by_class), walk.cycles.reshape(by_class)
        requests = rows.pick(walk.requests)[:, :, None]
        longest = rows.pick(events.max(axis=-2)) + there[..., None]
        pass_words = np.full(passes, network.pass_channels(layer) // network.config.drain)
        pass_words[-1] = network.layouts[layer].words - pass_words[:-1].sum()
        touched = walk.touched | everything
        words = rows.pick(touched * pass_words[:, None])
        drain = np.maximum(words, there)
        write = _by_block(words, row)
        write[..., -1] += rows.pick(_closing(touched, pass_words) * flags[:, :, None])
        slot, behind = _slots(drain, row)
        return cls(
            rows,
            passes * len(row.requests),
            np.tile(row.strip, passes),
            steps(requests),
            steps(np.maximum(requests[..., None], longest)),
            steps(rows.pick(events.sum(axis=-2)) + there[..., None]),
            steps(rows.pick(taps.sum(axis=-2))),
            steps(_by_block(drain, row)),
            steps(_by_block(words, row)),
            steps(write),
            slot,
            behind,
        )


def _by_block(pixels: Times, row: Row) -> Times:
    """Sums over the pixels that each block completes: (..., pixels) to (..., blocks)."""
    sums = np.zeros((*pixels.shape[:-1], pixels.shape[-1] + 1))
    np.cumsum(pixels, axis=-1, out=sums[..., 1:])
    return np.diff(sums[..., row.complete], axis=-1, prepend=0)


def _slots(drain: Times, row: Row) -> tuple[Counts, Times]:
    """For :class:`Steps`: ``slot`` and ``behind``, from the drain's cycles (frames, rows, passes, pixels)."""
    frames, rows, passes, pixels = drain.shape
    drain = drain.reshape(frames, -1, pixels)
    pixel = np.arange(rows * passes)[:, None] * pixels + row.highest - SLOTS
    there = np.maximum(pixel, 0)
    in_pass, place = there // pixels, there % pixels
    block = np.searchsorted(row.complete, place, side="right")
    sums = drain.cumsum(axis=-1)
    behind = sums[:, in_pass, row.complete[block] - 1] - sums[:, in_pass, place]
    slot = np.where(pixel < 0, -1, in_pass * len(row.complete) + block)
    return slot.reshape(-1), np.ascontiguousarray(behind.reshape(frames, -1).T)


def _closing(touched: Marks, pass_words: Counts) -> Counts:
    """Cycles of the mask writer for a pass over a row, beside one for each word: (frames, rows, passes).

    The last mask words that it gathered, and those of columns where no pixel was drained.
    """
    pixels = touched.shape[-1]
    padded = np.pad(touched, ((0, 0), (0, 0), (0, 0), (0, -pixels % MASK_COLUMNS)))
    empty = ~np.logical_or.reduce(padded.reshape(*touched.shape[:-1], -1, MASK_COLUMNS), axis=-1)
    cycles: Counts = (1 + empty.sum(axis=-1)) * pass_words
    return cycles
