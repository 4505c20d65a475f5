"""What the event finder and the array have to do for each block of columns of a MAC layer, in all frames.

The geometry is that of ``hw/column_walker.py``: a pass over an output row goes strip by strip, block by
block, the same for every row, pass and frame (:class:`Row`). What there is to do in a block depends on the
events (:class:`Walk`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .network import Network
from .profile import Marks, rows_with

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A pass over an output row, in blocks of input columns.

    Attributes:
        requests: Requests of a block for each live kernel row and channel word, int64 (blocks,).
        complete: Pixels of the row that are complete after it, likewise.
        highest: The last pixel of the row that has a tap in it, likewise.
        strip: It begins a strip, bool (blocks,).
        cycles: Cycles of a bank for an event, int64 (columns, blocks); 0 where the column has no tap.
        reach: The column has a tap with the pixel, bool (columns, pixels).
    """

    requests: Counts
    complete: Counts
    highest: Counts
    strip: Marks
    cycles: Counts
    reach: Marks

    @classmethod
    def of(cls, network: Network, layer: int) -> Row:
        """The passes of a MAC layer."""
        step, width = network.step(layer), network.layouts[network.source(layer)].width
        taps_at_once = network.config.taps if network.channelwise(layer) else 1
        pixels, blocks = network.layouts[layer].width, network.blocks(layer)
        size, strip = blocks.columns, blocks.strip
        kernel, stride, dilation, pad = step.window[1], step.strides[1], step.dilation[1], step.padding[1][0]
        place = np.arange(width)[:, None] + pad - np.arange(kernel) * dilation  # (columns, taps)
        output, taps = place // stride, place % stride == 0
        reach = np.zeros((width, pixels), np.bool_)
        columns, tap = np.nonzero(taps & (output >= 0) & (output < pixels))
        reach[columns, output[columns, tap]] = True
        first = np.where(taps, output, -1).max(axis=1)  # pixel of a column's first tap, were the row endless
        together = stride & (stride - 1) == 0
        requests, complete, highest, strips, cycles = [], [], [], [], []
        for start in range(0, pixels, strip):
            last = min(start + strip, pixels) - 1
            left = max(0, start * stride - pad)
            right = min(width - 1, last * stride - pad + (kernel - 1) * dilation)
            here = reach[:, start : last + 1].sum(axis=1)
            for at in range(left - left % size, right + 1, size):
                inside = np.arange(max(at, left), min(at + size - 1, right) + 1)
                within = inside[(first[inside] <= last) & taps[inside].any(axis=1)]
                alone = int((here[inside] > 0).sum() - (here[within] > 0).sum())
                phases = len(np.unique((within + pad) % stride)) if together else len(within)
                requests.append(max(phases + alone, 1))
                done = -((inside[-1] + 1 + pad - (kernel - 1) * dilation) // -stride)
                complete.append(last + 1 if at + size > right else min(max(done, start), last + 1))
                highest.append(int(np.clip((inside[-1] + pad) // stride, start, last)))
                strips.append(at <= left)
                block = np.zeros(width, np.int64)
                block[inside] = -(-here[inside] // taps_at_once)
                cycles.append(block)
        return cls(
            np.array(requests, np.int64),
            np.array(complete, np.int64),
            np.array(highest, np.int64),
            np.array(strips, np.bool_),
            np.array(cycles, np.int64).T,
            reach,
        )


@dataclass(frozen=True)
class Walk:
    """Work of a MAC layer, by frame and output row; of all its passes alike there is one.

    Attributes:
        row: The blocks of a pass.
        live: Kernel rows with events, int64 (frames, rows).
        requests: Requests of a block, the same for each group, int64 (frames, rows, blocks).
        events: Events of a group, int64 (frames, rows, passes or 1, blocks, banks).
        cycles: What they take of a bank, likewise.
        touched: Pixels with a tap, bool (frames, rows, passes or 1, pixels).
    """

    row: Row
    live: Counts
    requests: Counts
    events: Counts
    cycles: Counts
    touched: Marks


def walk(network: Network, layer: int, marks: Marks) -> Walk:
    """Walk over the rows of a MAC layer.

    Args:
        marks: Events of the layer's input tensor, (frames, height, width, channels).
    """
    row, step = Row.of(network, layer), network.step(layer)
    source, height = network.layouts[network.source(layer)], network.layouts[layer].height
    frames, rows, width, channels = marks.shape
    groups = np.zeros((frames, rows, width, source.padded_channels), np.bool_)
    groups[..., :channels] = marks
    # Element e of a word is of group e % banks.
    groups = groups.reshape(frames, rows, width, source.words, network.config.group, -1)
    found: Counts  # (frames, rows, passes or 1, columns, banks)
    if network.channelwise(layer):
        found = np.moveaxis(np.logical_or.reduce(groups, axis=-2), 3, 2).astype(np.int64)
    else:
        found = groups.sum(axis=(-3, -2))[:, :, None]
    of_row = {
        "events": _by_block(row.cycles > 0, found),
        "cycles": _by_block(row.cycles, found),
        "touched": _by_block(row.reach, found.sum(axis=-1, keepdims=True))[..., 0],
    }
    flags = rows_with(marks)
    live = np.zeros((frames, height), np.int64)
    sums = {name: np.zeros((frames, height, *counts.shape[2:]), np.int64) for name, counts in of_row.items()}
    top = np.arange(height) * step.strides[0] - step.padding[0][0]
    for tap in range(step.window[0]):
        at = top + tap * step.dilation[0]
        to, of = np.flatnonzero((at >= 0) & (at < rows)), at[(at >= 0) & (at < rows)]
        live[:, to] += flags[:, of]
        for name, counts in of_row.items():
            sums[name][:, to] += counts[:, of]
    words = 1 if network.channelwise(layer) else source.words
    requests = np.maximum(live[..., None] * words * row.requests, 1)
    return Walk(row, live, requests, sums["events"], sums["cycles"], sums["touched"] > 0)


def live_rows(network: Network, layer: int, marks: list[Marks]) -> Marks:
    """Output rows of a layer on codes with an input row that has events: bool, (frames, rows).

    Args:
        marks: Events of each of its input tensors, (frames, height, width, channels).
    """
    step, height = network.step(layer), network.layouts[layer].height
    top = np.arange(height) // step.repeat[0] * step.strides[0] - step.padding[0][0]
    live = np.zeros((len(marks[0]), height), np.bool_)
    for tensor in marks:
        flags = rows_with(tensor)
        for tap in range(1 if len(marks) == 2 else step.window[0]):
            at = top + tap * step.dilation[0]
            inside = (at >= 0) & (at < flags.shape[1])
            live[:, inside] |= flags[:, at[inside]]
    return live


def _by_block(columns: Counts | Marks, found: Counts) -> Counts:
    """Sums over columns: (columns, blocks) and (..., columns, groups) give (..., blocks, groups)."""
    # Matrices of integers multiply slowly.
    sums: Counts = (columns.T.astype(np.float32) @ found.astype(np.float32)).astype(np.int64)
    return sums
