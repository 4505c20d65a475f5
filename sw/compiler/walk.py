"""What the event finder has to do for each pass over an output pixel of a layer, in one frame.

The geometry is that of ``hw/row_finder.py`` and ``hw/patch_walker.py``, computed for all pixels at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import Op
from stillframe.contract.array import MASK_BITS

from .network import Network
from .profile import Marks, rows_with

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Walk:
    """Work of the event finder.

    Attributes:
        live: Output rows of which a kernel row has an event: bool, (rows,).
        steps: Cycles in which the walker goes over a pass, int64 (rows, passes): a pixel's passes are
            neighbours.
        words: Mask words with events of a pass, likewise.
        events: Events of a pass, likewise; in a depthwise layer of multiplier 1 whole activation words.
    """

    live: Marks
    steps: Counts
    words: Counts
    events: Counts


def walk(network: Network, layer: int, marks: Sequence[Marks]) -> Walk:
    """Walk over the receptive fields of a layer other than the input.

    Args:
        marks: Events of each of the layer's input tensors, (height, width, channels).
    """
    step, target = network.step(layer), network.layouts[layer]
    fields = _Fields.of(network, layer)
    rows = np.arange(target.height) // step.repeat[0] * step.strides[0] - step.padding[0][0]
    two = len(marks) == 2
    kernel = (
        [(rows, tensor) for tensor in (0, 1)]
        if two
        else [(rows + k * step.dilation[0], 0) for k in range(step.window[0])]
    )
    flags = [rows_with(tensor) for tensor in marks]
    concatenating = step.op is Op.CONCAT
    counted = [] if concatenating else [fields.count(tensor) for tensor in marks]
    live = np.zeros(target.height, np.int64)
    words = np.zeros((target.height, *fields.low.shape[:2]), np.int64)
    events = np.zeros_like(words)
    for places, tensor in kernel:
        inside = (places >= 0) & (places < len(flags[tensor]))
        at = np.where(inside, places, 0)
        here = inside & flags[tensor][at]
        live += here
        if concatenating:
            continue
        words += np.where(here[:, None, None], counted[tensor][0][at], 0)
        events += np.where(here[:, None, None], counted[tensor][1][at], 0)
    # A kernel row without a flag, or beside the image, takes a cycle; one with a flag a cycle a mask word.
    again = np.where(fields.beyond | concatenating, 0, fields.span - 1).sum(axis=-1)
    steps = fields.overhead + len(kernel) * fields.low.shape[2] + live[:, None, None] * again
    passes = (target.height, -1)
    return Walk(live > 0, steps.reshape(passes), words.reshape(passes), events.reshape(passes))


@dataclass(frozen=True)
class _Fields:
    """Segments of the receptive fields in a row: int64 (pixels, passes, segments) each.

    Attributes:
        low, high: First and last element, clipped to the image.
        span: Mask words from one to the other.
        beyond: Wholly beside the image.
        overhead: Cycles between the walks over a pass's segments, (passes,).
        by_word: Events are activation words.
        drain: Elements of an activation word.
    """

    low: Counts
    high: Counts
    span: Counts
    beyond: Marks
    overhead: Counts
    by_word: bool
    drain: int

    @classmethod
    def of(cls, network: Network, layer: int) -> _Fields:
        step, source, target = (
            network.step(layer),
            network.layouts[network.source(layer)],
            network.layouts[layer],
        )
        pixel, segments, product = source.padded_channels, network.segments(layer), step.product
        passes = network.groups(layer) if product is not None else 1
        depthwise = product is not None and product.depthwise
        first, last = np.zeros(passes, np.int64), np.full(passes, pixel * step.window[1] - 1)
        if segments > 1:
            last[:] = pixel - 1
        overhead = np.where((np.arange(passes) == 0) | (segments > 1), segments, 0)
        if product is not None and depthwise:
            outputs = np.arange(passes + 1) * network.config.total_lanes
            first = outputs[:-1] // product.depth_multiplier
            last = np.minimum((outputs[1:] - 1) // product.depth_multiplier, source.channels - 1)
            overhead = segments + DEPTHWISE_PASS * (np.arange(passes) > 0)
        start = np.arange(target.width) // step.repeat[1] * step.strides[1] - step.padding[1][0]
        columns = (start[:, None] + np.arange(segments) * step.dilation[1]) * pixel
        left = columns[:, None, :] + first[:, None]
        right = columns[:, None, :] + last[:, None]
        end = source.width * pixel - 1
        low, high = left.clip(0, end), right.clip(0, end)
        span = high // MASK_BITS - low // MASK_BITS + 1
        by_word = depthwise and product is not None and product.depth_multiplier == 1
        return cls(low, high, span, (right < 0) | (left > end), overhead, by_word, source.drain)

    def count(self, marks: Marks) -> tuple[Counts, Counts]:
        """Mask words with events, and events, of each pass in each row: int64 (rows, pixels, passes)."""
        height, width, channels = marks.shape
        padded = -(-channels // self.drain) * self.drain
        aligned = -(-width * padded // MASK_BITS) * MASK_BITS
        row = np.zeros((height, aligned), np.bool_)
        row[:, : width * padded].reshape(height, width, padded)[:, :, :channels] = marks
        elements, whole = _sums(row), _sums(_any(row, MASK_BITS))
        low, high = self.low, self.high
        first, last = low // MASK_BITS, high // MASK_BITS
        # The mask words at both ends may be cut.
        begins = elements[:, np.minimum(high + 1, (first + 1) * MASK_BITS)] > elements[:, low]
        ends = (elements[:, high + 1] > elements[:, last * MASK_BITS]) & (last > first)
        between = whole[:, last] - whole[:, np.minimum(first + 1, last)]
        words = between + begins + ends
        if self.by_word:
            grouped = _sums(_any(row, self.drain))
            events = grouped[:, high // self.drain + 1] - grouped[:, low // self.drain]
        else:
            events = elements[:, high + 1] - elements[:, low]
        seen = ~self.beyond
        return (words * seen).sum(axis=-1), (events * seen).sum(axis=-1)


DEPTHWISE_PASS = 4
"""Cycles in which the walker finds the channels of a depthwise layer's next pass."""


def _any(row: Marks, size: int) -> Marks:
    """Whether each group of ``size`` neighbours has a marked one: bool, (rows, groups)."""
    groups: Marks = np.logical_or.reduce(row.reshape(len(row), -1, size), axis=-1)
    return groups


def _sums(marks: Marks) -> Counts:
    """How many are marked before each place of a row, and before its end: int64 (rows, columns + 1)."""
    sums = np.zeros((len(marks), marks.shape[1] + 1), np.int64)
    np.cumsum(marks, axis=1, out=sums[:, 1:])
    return sums
