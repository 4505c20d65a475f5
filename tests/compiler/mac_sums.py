"""Sums of products of a MAC layer's events, pass by pass and segment by segment, and what is counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from program_image import Bools, Fields, Image, Ints
from receptive_walk import Share, Walk


@dataclass(frozen=True)
class MacSums:
    """What the array gives in a frame.

    Attributes:
        z: (out_height, out_width, out_words, drain).
        touched: bool, (out_height, out_width, out_words): the word's pass had an event.
        rows: PARAMS rows of the words.
        events, issued: Events taken and multiplications, as the hardware counts them.
    """

    z: Ints
    touched: Bools
    rows: Ints
    events: int
    issued: int


def mac_sums(layer: Fields, image: Image) -> MacSums:
    """The sums of a layer's events, nothing added or kept."""
    walk = Walk(layer, image)
    bits, values = walk.bits(), walk.values()
    shape = (layer.out_height, layer.out_width)
    sums: list[Ints] = []
    touched: list[Bools] = []
    rows: list[Ints] = []
    events = issued = 0
    first_row = layer.params + (~walk.inside).sum(axis=1)[:, None] * layer.border_rows
    for group, share in enumerate(walk.shares()):
        final = group == layer.groups - 1
        acc = np.zeros((*shape, image.config.total_lanes), np.int64)
        any_event = np.zeros(shape, bool)
        missing = np.zeros(layer.out_width, np.int64)
        for segment in range(layer.segments):
            places, inside = walk.segment(segment, share)
            missing += ~inside.any(axis=1)
            taken = bits[:, :, places] & inside  # (out_height, kernel_rows, out_width, length)
            given = np.where(taken, values[:, :, places], 0).transpose(0, 2, 1, 3)
            any_event |= taken.any(axis=(1, 3))
            start = layer.weights + group * layer.kernel + segment * layer.segment_weights
            add = _depthwise if layer.depthwise else _convolution
            acc += add(layer, image, start, share, given)
            count = _counted(layer, image, taken, places, share, final)
            events, issued = events + count[0], issued + count[1]
        words = layer.last_words if final else layer.group_words
        sums.append(acc[:, :, : words * image.drain])
        for _ in range(words):
            rows.append(first_row + missing * layer.border_columns + len(rows))
            touched.append(any_event)
    z = np.concatenate(sums, axis=2).reshape(*shape, layer.out_words, image.drain)
    return MacSums(z, np.stack(touched, axis=2), np.stack(rows, axis=2), events, issued)


def _weights(layer: Fields, image: Image, first: int, elements: int) -> Ints:
    """WEIGHTS rows by kernel row and by element from ``first`` on, (kernel_rows, elements, lanes)."""
    rows = first + np.arange(layer.kernel_rows)[:, None] * layer.kernel_row + np.arange(elements)
    return image.weights[rows].astype(np.int64)


def _convolution(layer: Fields, image: Image, start: int, share: Share, given: Ints) -> Ints:
    """Every lane takes every element, with a row of weights each."""
    weights = _weights(layer, image, start, share.length)
    # Exact in double precision: sums stay below 2**53.
    flat = given.reshape(*given.shape[:2], -1).astype(np.float64)
    return (flat @ weights.reshape(-1, weights.shape[2]).astype(np.float64)).astype(np.int64)


def _depthwise(layer: Fields, image: Image, start: int, share: Share, given: Ints) -> Ints:
    """Lane ``channel * multiplier + q - rest`` takes the channel's value, if the pass has that lane."""
    weights = _weights(layer, image, start, 1)[:, 0]
    channels, lanes = np.arange(share.length), weights.shape[1]
    sums = np.zeros((*given.shape[:2], lanes), np.int64)
    for output in range(layer.multiplier):
        lane = channels * layer.multiplier + output - share.rest
        there = (lane >= 0) & (lane < lanes)
        sums[:, :, lane[there]] += (given[..., there] * weights[:, lane[there]]).sum(axis=2)
    return sums


def _counted(
    layer: Fields, image: Image, taken: Bools, places: Ints, share: Share, final: bool
) -> tuple[int, int]:
    """Events and multiplications that the hardware counts: see hw/event_scanner.py."""
    lanes = image.config.total_lanes
    if not layer.depthwise:
        events = int(taken.sum())
        return events, events * (layer.last_lanes if final else lanes)
    if layer.multiplier == 1:  # an event is an activation word
        starts = np.arange(0, share.length, image.drain)
        assert not (places[:, starts] % image.drain).any()
        return int(np.logical_or.reduceat(taken, starts, axis=3).sum()), int(taken.sum())
    first = np.arange(share.length) * layer.multiplier - share.rest
    each = np.minimum(first + layer.multiplier, lanes) - np.maximum(first, 0)
    return int(taken.sum()), int((taken * each).sum())
