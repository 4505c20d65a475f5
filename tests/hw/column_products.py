"""What the column walker's requests have to amount to: each product of a convolution, once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from column_walk import ADDRESSES, MARK_STEP, NUMBERS, Fields, event, live_rows, mask, weight, words

from stillframe.contract.array import MASK_COLUMNS, SLOTS

Tap = tuple[int, int, int, int, int, int]
"""Pixel, counted through; MASKS word, column, EVENTS word; kernel column, WEIGHTS row of element 0."""


def convolution(layer: Fields, rows: list[dict[str, int]]) -> Counter[Tap]:
    """All products of a convolution over rows with an element that may be an event, straight from its sum."""
    found: Counter[Tap] = Counter()
    stride, dilation, width = layer["stride"], layer["dilation"], layer["out_width"]
    for n, row in enumerate(rows):
        for number in range(layer["groups"]):
            for out in range(width):
                for kx in range(layer["kernel_columns"]):
                    x = out * stride - layer["pad"] + kx * dilation
                    if not 0 <= x < layer["in_width"]:
                        continue
                    for ky in live_rows(row):
                        for word in range(words(layer)):
                            address = mask(layer, row, number, ky, word) + x // MASK_COLUMNS
                            source = event(layer, row, number, ky, word) + x
                            tap = (
                                (n * layer["groups"] + number) * width + out,
                                address % ADDRESSES,
                                x % MASK_COLUMNS,
                                source % ADDRESSES,
                                kx,
                                weight(layer, number, ky, word, kx) % ADDRESSES,
                            )
                            found[tap] += 1
    return found


def products(layer: Fields, counts: list[int], requests: list[dict[str, Any]]) -> Counter[Tap]:
    """The taps that requests lead to, by what scanner and bank make of them.

    Pixels are counted through by the strips' ``counts``. On the way it is checked that no tap comes for a
    pixel that is complete, nor for one too far from the first that is not, and that nothing is left
    incomplete.
    """
    found: Counter[Tap] = Counter()
    complete, starts = 0, [sum(counts[:n]) for n in range(len(counts) + 1)]
    at = 0
    for request in requests:
        while complete >= starts[at + 1]:
            at += 1
        for column in range(MASK_COLUMNS):
            if not request["columns"] >> column & 1:
                continue
            assert request["first"] == starts[at] % NUMBERS
            place, kx = request["place"] + (column >> layer["stride_log2"]), request["tap"]
            rows = request["weight"]
            while place >= 0 and kx < layer["kernel_columns"]:
                assert place < counts[at], "beyond the strip"
                assert complete <= starts[at] + place < complete + SLOTS, "no slot for it"
                tap = (starts[at] + place, request["address"], column, request["events"] + column, kx, rows)
                found[tap] += 1
                kx += layer["stride"]
                rows = (rows + layer["stride"] * layer["tap_rows"]) % ADDRESSES
                place -= layer["dilation"] if layer["stride"] == 1 else 1
        if request["end"]:
            step = (request["complete"] - complete) % NUMBERS
            assert 0 < step <= MARK_STEP
            complete += step
            assert complete <= starts[at + 1], "pixels of the next strip"
    assert complete == starts[-1], "pixels left incomplete"
    return found
