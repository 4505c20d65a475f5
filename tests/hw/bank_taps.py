"""A plain model of the banks: which lanes multiply what for which output pixel."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stillframe.contract import ArrayConfig
from stillframe.contract.array import ACC_BITS, SLOTS

Event = dict[str, Any]
NUMBERS = 64
"""Pixels are numbered modulo this."""

LEFT_MOST = 31
"""Of the pixels to the left of an event's, no more are told."""


def wrap(value: int) -> int:
    """The accumulator's range."""
    half = 1 << (ACC_BITS - 1)
    return (value + half) % (2 * half) - half


@dataclass(frozen=True)
class Window:
    """What the banks know of a layer."""

    kernel_columns: int
    stride: int = 1
    dilation: int = 1
    tap_rows: int = 1
    depthwise: bool = False
    side_log2: int = 0
    share_log2: int = 0
    pass_macs: int = 0
    last_macs: int = 0

    def fields(self) -> dict[str, int]:
        """The layer's fields."""
        return {name: int(value) for name, value in vars(self).items()}

    @property
    def distance(self) -> int:
        """Pixels from one tap to the next."""
        return self.dilation if self.stride == 1 else 1

    def pixels(self, tap: int, place: int) -> list[int]:
        """Places in the strip of an event's taps, of a part of it that begins so many pixels before."""
        found = []
        while tap < self.kernel_columns and place >= 0:
            found.append(place)
            tap, place = tap + self.stride, place - self.distance
        return found

    def side(self, config: ArrayConfig) -> int:
        """Kernel columns that a bank works on in a cycle."""
        return config.taps if self.depthwise else 1 << self.side_log2

    def cycles(self, config: ArrayConfig, event: Event) -> int:
        """Cycles in which the bank multiplies for an event."""
        return -(-len(self.pixels(event["tap"], event["left"])) // self.side(config))


class Banks:
    """The sums of all banks by pixel, counted through from the layer's first."""

    def __init__(self, config: ArrayConfig, window: Window, weights: list[list[int]]) -> None:
        self.config, self.window, self.weights = config, window, weights
        self.acc: dict[tuple[int, int, int], int] = defaultdict(int)  # by pixel, bank and lane
        self.events = self.macs = 0

    def add(self, bank: int, pixel: int, event: Event) -> None:
        """An event whose first tap is for a pixel."""
        config, window = self.config, self.window
        counted, side = window.depthwise or bank < 1 << window.share_log2, window.side(config)
        for n, place in enumerate(window.pixels(event["tap"], event["left"])):
            number, part = divmod(n, side)
            row = self.weights[event["weight"] + number * side * window.stride * window.tap_rows]
            groups = range(part * config.taps // side, (part + 1) * config.taps // side)
            for lane, s in ((config.lane(t, s), s) for t in groups for s in range(config.group)):
                product = event["values"][s] * row[bank * config.lanes + lane]
                key = pixel + place - event["left"], bank, lane
                self.acc[key] = wrap(self.acc[key] + product)
            if counted:
                share = window.last_macs if event["final"] else window.pass_macs
                self.events += event["count"] if window.depthwise else 1
                self.macs += event["count"] if window.depthwise else share

    def touches(self, pixel: int) -> list[int]:
        """Bits of the touched lane groups of each bank."""
        found = [0] * self.config.banks
        for t in range(self.config.taps):
            for bank in range(self.config.banks):
                found[bank] |= ((pixel, bank, self.config.lane(t, 0)) in self.acc) << t
        return found


class Script:
    """Random events and marks for all banks, as the router gives them, and the sums that come of them."""

    def __init__(
        self, config: ArrayConfig, window: Window, weights: list[list[int]], rng: random.Random
    ) -> None:
        self.banks = Banks(config, window, weights)
        self.events: list[list[Event]] = [[] for _ in range(config.banks)]
        self.pixels = 0
        self._rng = rng

    def strip(self, count: int, density: float, step: int = 8) -> None:
        """A strip of pixels, completed ``step`` of them or fewer at a time."""
        rng, first, done = self._rng, self.pixels, 0
        while done < count:
            after = min(count, done + rng.randint(0, step))
            for bank, events in enumerate(self.events):
                for _ in range(int(rng.expovariate(1) * density * step)):
                    for place, event in self._event(first, done, min(count, done + SLOTS)):
                        self.banks.add(bank, first + place, event)
                        events.append(event)
                events.append({"mark": 1, "complete": (first + after) % NUMBERS})
            done = after
        self.pixels += count

    def _event(self, first: int, low: int, high: int) -> Iterator[tuple[int, Event]]:
        """An event whose taps are for places from ``low`` to before ``high``, and its own; or no event."""
        rng, config, window = self._rng, self.banks.config, self.banks.window
        tap, place = rng.randrange(window.kernel_columns), rng.randint(max(0, low - 3), high - 1)
        places = window.pixels(tap, place)
        side = window.side(config)
        rows = len(places) // side * side * window.stride * window.tap_rows + 1
        if not all(low <= p < high for p in places) or rows > len(self.banks.weights):
            return
        extreme = (-255, 255, 0, rng.randrange(-255, 256))
        values = [rng.choice(extreme) if rng.random() < 0.7 else 0 for _ in range(config.group)]
        if not window.depthwise:
            values = [rng.choice(extreme)] * config.group
        yield (
            place,
            {
                "weight": rng.randrange(len(self.banks.weights) - rows + 1),
                "tap": tap,
                "pixel": (first + place) % NUMBERS,
                "left": min(place, LEFT_MOST),
                "values": values,
                "count": sum(v != 0 for v in values) if window.depthwise else 1,
                "final": rng.randrange(2),
            },
        )
