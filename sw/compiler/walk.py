"""What the event finder and the array have to do for each block of columns of a MAC layer, in all frames.

The geometry is that of ``hw/column_walker.py``: a pass over an output row goes strip by strip, block by
block, the same for every row, pass and frame (:class:`Row`). What there is to do in a block depends on the
events (:class:`Walk`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .lowering import Step
from .network import Network
from .profile import Marks, rows_with

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A pass over an output row, in blocks of input columns.

    Attributes:
        asked: Columns of each request, bool (columns, requests). A block's are repeated for each live
            kernel row and channel word.
        of_block: Which requests are a block's, bool (requests, blocks).
        strip: Number of a block's strip, int64 (blocks,).
        complete: Pixels of the row that are complete after a block, likewise.
        lowest, highest: Pixels of the row that its first and its last column may have their first taps with,
            likewise.
        cycles: Cycles of a bank for an event, int64 (columns, blocks); 0 where the column has no tap.
        single: The column is of the block's last request and its events have one tap, likewise bool.
        reach: The column has a tap with the pixel, bool (columns, pixels).
    """

    asked: Marks
    of_block: Marks
    strip: Counts
    complete: Counts
    lowest: Counts
    highest: Counts
    cycles: Counts
    single: Marks
    reach: Marks

    @classmethod
    def of(cls, network: Network, layer: int) -> Row:
        """The passes of a MAC layer."""
        step, width = network.step(layer), network.layouts[network.source(layer)].width
        at_once = network.side(layer)
        pixels, cut = network.layouts[layer].width, network.blocks(layer)
        kernel, stride, dilation, pad = step.window[1], step.strides[1], step.dilation[1], step.padding[1][0]
        position = np.arange(width)[:, None] + pad - np.arange(kernel) * dilation  # (columns, taps)
        pixel = np.where(position % stride == 0, position // stride, -1)
        reach = (pixel[:, :, None] == np.arange(pixels)).any(axis=1)
        first = pixel.max(axis=1)  # of a column's taps in an endless row
        phase = (np.arange(width) + pad) % stride
        span, phased = network.span(layer), stride in (1, 2, 4, 8)
        strips, complete, lowest, highest = [], [], [], []
        cycles: list[Counts] = []
        single: list[Marks] = []
        asked: list[Marks] = []
        of_block: list[int] = []
        for number, start in enumerate(range(0, pixels, cut.strip)):
            last = min(start + cut.strip, pixels) - 1
            taps = reach[:, start : last + 1].sum(axis=1)
            inside = np.arange(max(0, start * stride - pad), min(width - 1, last * stride - pad + span) + 1)
            for columns in np.split(inside, np.flatnonzero(np.diff(inside // cut.columns)) + 1):
                here = columns[taps[columns] > 0]
                # Columns of a phase are asked for together; those with a first tap of their own are not.
                alone = (first[here] > last) | (not phased)
                key = np.where(alone, here, phase[here] - stride)
                for one in np.unique(key):
                    asked.append(np.isin(np.arange(width), here[key == one]))
                    of_block.append(len(cycles))
                cycles.append(np.where(np.isin(np.arange(width), columns), -(-taps // at_once), 0))
                single.append(
                    np.isin(np.arange(width), here[key == key.max(initial=-stride)]) & (cycles[-1] <= 1)
                )
                strips.append(number)
                right = int(columns[-1]) if len(columns) else width
                after = last if right >= inside.max(initial=0) else -((span - pad - right - 1) // stride) - 1
                complete.append(min(max(after, start - 1), last) + 1)
                lowest.append(min(max((right + 1 - len(columns) + pad) // stride, start), last))
                highest.append(min(max((right + pad) // stride, start), last))
        return cls(
            np.array(asked, np.bool_).reshape(-1, width).T,
            np.array(of_block, np.int64)[:, None] == np.arange(len(cycles)),
            np.array(strips, np.int64),
            np.array(complete, np.int64),
            np.array(lowest, np.int64),
            np.array(highest, np.int64),
            np.array(cycles, np.int64).T,
            np.array(single, np.bool_).T,
            reach,
        )


@dataclass(frozen=True)
class Walk:
    """Work of a MAC layer, by frame and output row; of all its passes alike there is one.

    Attributes:
        row: The blocks of a pass.
        live: Kernel rows with events, int64 (frames, rows).
        requests: Requests of a block, the same for each group, int64 (frames, rows, blocks).
        words: Mask words with events of a group among them, int64 (frames, rows, passes or 1, blocks, banks).
        events: Its events, likewise.
        cycles: What they take of a bank, likewise.
        single: Those of one tap in its last request, which leave no cycle for a mark beside them; likewise.
        touched: Pixels with a tap, bool (frames, rows, passes or 1, pixels).
    """

    row: Row
    live: Counts
    requests: Counts
    words: Counts
    events: Counts
    cycles: Counts
    single: Counts
    touched: Marks


def walk(network: Network, layer: int, marks: Marks) -> Walk:
    """Walk over the rows of a MAC layer.

    Args:
        marks: Events of the layer's input tensor, (frames, height, width, channels of the model).
    """
    row, step = Row.of(network, layer), network.step(layer)
    source, height = network.layouts[network.source(layer)], network.layouts[layer].height
    frames, rows, width, _ = marks.shape
    padded = np.zeros((frames, rows, width, source.padded_channels), np.bool_)
    places = np.broadcast_to(network.elements(network.source(layer)), marks.shape)
    np.put_along_axis(padded, places, marks[..., network.channels(network.source(layer))], axis=-1)
    # Element e of a word is of group e % banks: (frames, rows, words, columns, elements, banks).
    elements = np.moveaxis(padded.reshape(frames, rows, width, source.words, network.config.group, -1), 3, 2)
    columns = np.logical_or.reduce(elements, axis=-2)
    found = columns.astype(np.int64) if network.channelwise(layer) else elements.sum(axis=-2)
    words = _over(row.of_block, (_over(row.asked, columns) > 0).astype(np.int64))
    touched = columns.any(axis=-1, keepdims=True)
    if not network.channelwise(layer):
        found, words = found.sum(axis=2, keepdims=True), words.sum(axis=2, keepdims=True)
        touched = touched.any(axis=2, keepdims=True)
    of_row = {
        "live": rows_with(marks).astype(np.int64),
        "words": words,
        "events": _over(row.cycles > 0, found),
        "cycles": _over(row.cycles, found),
        "single": _over(row.single, found),
        "touched": _over(row.reach, touched)[..., 0],
    }
    sums = {name: over_kernel_rows(step, counts, height) for name, counts in of_row.items()}
    live, touches = sums.pop("live"), sums.pop("touched") > 0
    times = live if network.channelwise(layer) else live * source.words
    return Walk(row, live, times[..., None] * row.of_block.sum(axis=0), touched=touches, **sums)


def over_kernel_rows(step: Step, of_rows: Counts, height: int) -> Counts:
    """Sums over the input rows that an output row's window sees.

    Args:
        of_rows: By input row, int64 or int32 (frames, rows, ...).
        height: Output rows, from the first one on.

    Returns:
        By output row, int64 (frames, height, ...).
    """
    frames, rows, *others = of_rows.shape
    sums = np.zeros((frames, height, *others), np.int64)
    top = np.arange(height) * step.strides[0] - step.padding[0][0]
    for tap in range(step.window[0]):
        at = top + tap * step.dilation[0]
        inside = (at >= 0) & (at < rows)
        sums[:, inside] += of_rows[:, at[inside]]
    return sums


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


def _over(columns: Counts | Marks, found: Counts | Marks) -> Counts:
    """Sums over columns: (columns, blocks) and (..., columns, groups) give (..., blocks, groups)."""
    # Matrices of integers multiply slowly.
    sums: Counts = (columns.T.astype(np.float32) @ found.astype(np.float32)).astype(np.int64)
    return sums
