"""Sums of products of a MAC layer's events, pass by pass and strip by strip, and what is counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from column_requests import Strip, strips
from program_image import Bools, Fields, Image, Ints
from receptive_walk import KernelRows

from stillframe.contract import ArrayConfig


@dataclass(frozen=True)
class MacSums:
    """What the array gives in a frame.

    Attributes:
        z: (out_height, out_width, out_words, drain).
        touched: bool, (out_height, out_width, out_words): the word's pass had an event.
        rows: PARAMS rows of the words.
        events, issued: Events and multiplications, as the hardware counts them.
    """

    z: Ints
    touched: Bools
    rows: Ints
    events: int
    issued: int


def mac_sums(layer: Fields, image: Image) -> MacSums:
    """The sums of a layer's events, nothing added or kept."""
    kernel_rows = KernelRows(layer, image)
    bits, values = kernel_rows.bits(), kernel_rows.values()
    given = np.where(bits, values, 0).astype(np.int64)
    z: list[Ints] = []
    touched: list[Bools] = []
    events = issued = 0
    for number in range(layer.groups):
        final = number == layer.groups - 1
        row = layer.weights + number * layer.kernel
        words = slice(number, number + 1) if layer.depthwise else slice(None)
        parts = []
        for strip in strips(layer):
            taps = strip.taps
            met = bits[:, :, words, taps.column]  # (out_height, kernel_rows, in_words, taps, drain)
            count = int(met.sum())
            events += count
            issued += count * (1 if layer.depthwise else layer.last_macs if final else layer.pass_macs)
            hit = np.zeros((layer.out_height, strip.count), bool)
            for tap, pixel in enumerate(taps.pixel):
                hit[:, pixel] |= met[:, :, :, tap].any(axis=(1, 2, 3))
            add = _depthwise if layer.depthwise else _convolution
            parts.append((add(layer, image, strip, row, given[:, :, words]), hit))
        sums = np.concatenate([part for part, _ in parts], axis=1)
        drained = (layer.last_words if final else layer.pass_words) * image.drain
        sums = np.pad(sums, ((0, 0), (0, 0), (0, max(0, drained - sums.shape[2]))))
        z.append(sums[:, :, :drained])
        touched += [np.concatenate([hit for _, hit in parts], axis=1)] * (drained // image.drain)
    shape = (layer.out_height, layer.out_width, layer.out_words)
    joined = np.concatenate(z, axis=2).reshape(*shape, image.drain)
    return MacSums(joined, np.stack(touched, axis=2), _param_rows(layer, kernel_rows), events, issued)


def _param_rows(layer: Fields, kernel_rows: KernelRows) -> Ints:
    """PARAMS rows of the output's words."""
    left = np.arange(layer.out_width)[:, None] * layer.stride - layer.pad
    columns = left + np.arange(layer.kernel_columns) * layer.dilation
    missing = ((columns < 0) | (columns >= layer.in_width)).sum(axis=1)
    above = (~kernel_rows.inside).sum(axis=1)
    first = layer.params + above[:, None] * layer.border_rows + missing * layer.border_columns
    return first[..., None] + np.arange(layer.out_words)


def _convolution(layer: Fields, image: Image, strip: Strip, row: int, given: Ints) -> Ints:
    """(out_height, pixels, outputs of a pass): every lane of a class's banks takes the class's elements, or
    each of ``side`` parts of its lanes does for the taps n, n + side, ... of a column."""
    config, share, side = image.config, 1 << layer.share_log2, 1 << layer.side_log2
    units, group = config.banks // share, config.group
    assert side == 1 or (share == config.banks > 1 and side <= config.taps)
    taps, height = strip.taps, layer.out_height
    shape = (height, strip.count, layer.kernel_rows, layer.in_words, side, layer.kernel_columns)
    part = np.arange(side)[:, None]
    first = np.arange(layer.kernel_columns) - part * layer.stride  # kernel column of the event's issue
    rows = (
        row
        + np.arange(layer.kernel_rows)[:, None, None, None, None] * layer.kernel_row
        + np.arange(layer.in_words)[:, None, None, None] * layer.word_row
        + np.maximum(first, 0)[..., None] * layer.tap_rows
        + np.arange(units * group)
    )
    sums = np.zeros((height, strip.count, units * (config.lanes // side)), np.int64)
    for member in range(share):
        # Element s * banks + k * share + member of a word has row k * group + s.
        elements = [s * config.banks + k * share + member for k in range(units) for s in range(group)]
        fields = np.zeros((*shape, len(elements)))
        at = given[..., elements].transpose(3, 0, 1, 2, 4)[taps.column]
        fields[:, taps.pixel, :, :, taps.number % side, taps.kernel] = at
        banks = [unit * share + member for unit in range(units)]
        lanes = np.array(banks)[:, None] * config.lanes + _lanes_of_outputs(config, layer.side_log2)[:, None]
        lanes = lanes.reshape(side, -1)  # by part and output
        weights = image.weights[rows[..., None], lanes[:, None, None]].reshape(-1, lanes.shape[1])
        weights = weights.astype(np.float64)
        # Exact in double precision: sums stay below 2**53.
        sums += (fields.reshape(height, strip.count, -1) @ weights).astype(np.int64)
    return sums


def _lanes_of_outputs(config: ArrayConfig, side_log2: int) -> Ints:
    """A bank's lanes, by which of the columns side by side they take, and output."""
    lanes = np.empty((1 << side_log2, config.lanes >> side_log2), np.int64)
    for lane in range(config.lanes):
        output, column = config.output_and_column(lane, side_log2)
        lanes[column, output] = lane
    return lanes


def _depthwise(layer: Fields, image: Image, strip: Strip, row: int, given: Ints) -> Ints:
    """(out_height, pixels, drain): lane group t of bank q takes a column's taps t, t + taps, ..."""
    config, taps = image.config, strip.taps
    assert 1 << layer.share_log2 == config.banks
    element = np.arange(image.drain)
    bank, s = element % config.banks, element // config.banks
    lane_group = taps.number % config.taps
    of_bank = np.array([[config.lane(t, s) for s in range(config.group)] for t in range(config.taps)])
    lanes = bank * config.lanes + of_bank[lane_group[:, None], s]
    first = taps.kernel - lane_group * layer.stride  # kernel column of the event's issue
    sums = np.zeros((strip.count, layer.out_height, image.drain), np.int64)
    for kernel_row in range(layer.kernel_rows):
        rows = row + kernel_row * layer.kernel_row + first * layer.tap_rows
        weights = image.weights[rows[:, None], lanes].astype(np.int64)
        products = given[:, kernel_row, 0][:, taps.column] * weights
        np.add.at(sums, taps.pixel, products.transpose(1, 0, 2))
    return sums.transpose(1, 0, 2)
