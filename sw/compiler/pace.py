"""How long the drain, or the window reader, has each pass over an output pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stillframe.contract import Op

from .layout import TensorLayout
from .network import Network

ENCODED = {Op.ADD: 27, Op.POOL: 8, Op.CONCAT: 8}
"""Cycles from a read of the window reader to the encoder's read of the same output word."""

PIXELS = 32
"""Pixels in a row that the window reader's pace is found with."""


def pace(network: Network, layer: int) -> npt.NDArray[np.float64]:
    """Cycles that each pass takes of the drain (MAC), or of the window reader: (rows, passes).

    The passes of a pixel are neighbours. The drain gives a word a cycle; the window reader is simulated.
    """
    step, target, config = network.step(layer), network.layouts[layer], network.config
    if step.op is Op.MAC:
        full = config.total_lanes // config.drain
        words = [full] * (network.groups(layer) - 1)
        return np.tile([*words, target.words - full * len(words)], (target.height, target.width)).astype(
            float
        )
    sources = [network.layouts[source] for source in network.sources(layer)]
    if step.op is Op.CONCAT:
        return np.full((target.height, target.width), _period(*_joined(sources, target)))
    inside = []
    for axis, size in enumerate((sources[0].height, sources[0].width)):
        place = np.arange((target.height, target.width)[axis]) // step.repeat[axis]
        start = place * step.strides[axis] - step.padding[axis][0]
        inside.append((start + step.window[axis]).clip(0, size) - start.clip(0, size))
    taps = np.maximum(inside[0][:, None] * inside[1], 1) * len(sources)
    latency = ENCODED[step.op]

    def period(count: int) -> float:
        reads = count * target.words
        return _period(reads, {read: [latency] for read in range(count - 1, reads, count)})

    cycles = {count: period(count) for count in np.unique(taps).tolist()}
    return np.vectorize(cycles.__getitem__, otypes=[float])(taps)


def _joined(sources: Sequence[TensorLayout], target: TensorLayout) -> tuple[int, dict[int, list[int]]]:
    """What :func:`_period` takes, of a CONCAT: what is left of a pixel's channels comes a cycle later."""
    latency = ENCODED[Op.CONCAT]
    counts = [min(s.drain, s.channels - at) for s in sources for at in range(0, s.padded_channels, s.drain)]
    finished: dict[int, list[int]] = {}
    channels = 0
    for read, count in enumerate(counts):
        if (channels + count) // target.drain > channels // target.drain:
            finished[read] = [latency]
        channels += count
    if channels % target.drain:
        finished.setdefault(len(counts) - 1, []).append(latency + 1)
    return len(counts), finished


def _period(reads: int, finished: dict[int, list[int]]) -> float:
    """Cycles from pixel to pixel of the window reader: its reads, one for the tag, and those that it loses.

    Args:
        reads: Words read for a pixel.
        finished: For a read that completes output words, the cycles from there until the encoder reads the
            codes last sent and so has the memory.
    """
    lost = set()
    cycle, starts = 0, []
    for _ in range(PIXELS):
        starts.append(cycle)
        cycle += 1
        for read in range(reads):
            while cycle in lost:
                cycle += 1
            lost |= {cycle + latency for latency in finished.get(read, ())}
            cycle += 1
    return (starts[-1] - starts[PIXELS // 2]) / (PIXELS - 1 - PIXELS // 2)
