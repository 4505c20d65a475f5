"""What the event finder finds, pixel by pixel, by docs/architecture.md ("A MAC layer", "A POOL layer")."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tensors import Tensor

WEIGHT_ROWS = 1 << 16
"""WEIGHTS rows are counted modulo this."""


@dataclass(frozen=True)
class Geometry:
    """A window moving over a tensor. Pairs are rows, columns; ``pad`` is above and left of the image."""

    input: Tensor
    output: Tensor
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    lanes: int

    @classmethod
    def make(
        cls,
        input: Tensor,
        channels: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        same: bool,
        lanes: int,
    ) -> Geometry:
        """With TensorFlow's SAME or VALID padding."""
        sizes, pads = [], []
        for size, k, s in zip((input.height, input.width), kernel, stride, strict=True):
            out = -(-size // s) if same else (size - k) // s + 1
            sizes.append(out)
            pads.append(max(0, (out - 1) * s + k - size) // 2 if same else 0)
        output = Tensor(sizes[0], sizes[1], channels, input.drain)
        return cls(input, output, kernel, stride, (pads[0], pads[1]), lanes)

    @property
    def groups(self) -> int:
        """Passes over a pixel."""
        return -(-self.output.channels // self.lanes)

    @property
    def kernel_row(self) -> int:
        """Elements of a kernel row."""
        return self.kernel[1] * self.input.pixel

    def fields(self) -> dict[str, int]:
        """The descriptor's fields that the finder and the pool use, where memories do not matter."""
        return {
            "kernel_rows": self.kernel[0],
            "kernel_row": self.kernel_row,
            "kernel": self.kernel[0] * self.kernel_row,
            "in_height": self.input.height,
            "in_row": self.input.row,
            "in_pitch": self.input.pitch,
            "in_words": self.input.words,
            "stride_rows": self.stride[0],
            "stride": self.stride[1] * self.input.pixel,
            "pad_rows": self.pad[0],
            "pad": self.pad[1] * self.input.pixel,
            "out_height": self.output.height,
            "out_width": self.output.width,
            "out_words": self.output.words,
            "out_valid": self.output.out_valid,
            "out_pitch": self.output.pitch,
            "groups": self.groups,
        }

    def rows(self, y: int) -> Iterator[tuple[int, int]]:
        """Kernel rows inside the image at output row ``y``, and the input rows that they lie on."""
        for ky in range(self.kernel[0]):
            row = y * self.stride[0] - self.pad[0] + ky
            if 0 <= row < self.input.height:
                yield ky, row

    def columns(self, x: int) -> tuple[int, int]:
        """First element of the window at output column ``x``, and the first of them inside the image."""
        left = (x * self.stride[1] - self.pad[1]) * self.input.pixel
        return left, max(0, left)

    def until(self, x: int) -> int:
        """First element of an image row behind the window at output column ``x``."""
        return min(self.columns(x)[0] + self.kernel_row, self.input.row)


@dataclass(frozen=True)
class Base:
    """Where a layer's things begin in the memories."""

    masks: int = 0  # MASKS word
    events: int = 0  # EVENTS block
    codes: int = 0  # CODES word
    rows: int = 0
    weights: int = 0
    params: int = 0

    def fields(self) -> dict[str, int]:
        return {
            "in_masks": self.masks,
            "in_events": self.events,
            "in_codes": self.codes,
            "in_rows": self.rows,
            "weights": self.weights,
            "params": self.params,
        }


@dataclass
class Found:
    """What the finder gives for a layer, and the cycles that its walk takes if nothing stalls it."""

    tags: list[dict[str, int]] = field(default_factory=list)
    events: list[dict[str, int]] = field(default_factory=list)
    walk: int = 0
    first_pixel: int | None = None
    """Cycles from the start of the walk to the first pixel."""


Events = dict[tuple[int, int], int]
"""Values by row and element of the row."""


def find(
    geometry: Geometry, base: Base, flags: set[int], events: Events, everything: bool, pooling: bool
) -> Found:
    """All events and tags of a layer.

    Args:
        geometry: Of the layer.
        base: Where its input begins.
        flags: Rows with a flag; the others have no events.
        events: The input's events.
        everything: Every pixel is wanted.
        pooling: Only tags are wanted, and one pass.
    """
    source, target, drain = geometry.input, geometry.output, geometry.input.drain
    kernel_rows = geometry.kernel[0]
    found = Found(walk=geometry.pad[0] + 1)
    for y in range(target.height):
        rows = list(geometry.rows(y))
        live = [(ky, row) for ky, row in rows if row in flags]
        found.walk += kernel_rows + 3
        if live or everything:
            if found.first_pixel is None:
                found.first_pixel = found.walk
            for x in range(target.width):
                left, first = geometry.columns(x)
                until = geometry.until(x)
                hits = [
                    (ky * geometry.kernel_row + element - left, events[row, element])
                    for ky, row in live
                    for element in range(first, until)
                    if (row, element) in events
                ]
                words = (until - 1) // 32 - first // 32 + 1
                found.walk += 1 + geometry.groups * (len(live) * words + kernel_rows - len(live))
                if not hits and not everything:
                    continue
                for group in range(geometry.groups):
                    final = int(group == geometry.groups - 1)
                    found.tags.append(
                        {
                            "offset": target.offset(y, x, group * geometry.lanes // drain),
                            "row": base.params + group * geometry.lanes // drain,
                            "final": final,
                            "source": base.codes + rows[0][1] * source.pitch + first // drain,
                            "span": (until - first) // drain,
                            "rows": len(rows),
                        }
                    )
                    if pooling:
                        continue
                    start = base.weights + group * kernel_rows * geometry.kernel_row
                    for n, (tap, value) in enumerate(hits):
                        found.events.append(
                            {
                                "weight": (start + tap) % WEIGHT_ROWS,
                                "value": value,
                                "final": final,
                                "null": 0,
                                "last": int(n == len(hits) - 1),
                            }
                        )
                    if not hits:
                        found.events.append({"weight": 0, "value": 0, "final": final, "null": 1, "last": 1})
        found.walk += 1 + (geometry.stride[0] + 1 if y < target.height - 1 else 0)
    return found


def random_geometry(rng: random.Random, drain: int, lanes: int, pooling: bool = False) -> Geometry:
    """Kernels 1 to 7, strides 1 to 3, both paddings, 1 to 40 channels, now and then a tall window."""
    channels = rng.choice((1, 2, 3, drain, 16, rng.randrange(1, 41)))
    tall = rng.random() < 0.1  # fully connected
    if tall:
        source = Tensor(rng.randrange(8, 33), rng.randrange(1, 4), min(channels, 6), drain)
    else:
        source = Tensor(rng.randrange(1, 9), rng.randrange(1, 9), channels, drain)
    # A pool keeps the channels, in one pass.
    outputs = source.channels if pooling else rng.choice((1, lanes, lanes + 1, rng.randrange(1, 41)))
    lanes = max(lanes, source.pixel) if pooling else lanes
    sides = (source.height, source.width)
    if tall:
        return Geometry.make(source, outputs, sides, (1, 1), False, lanes)
    same = rng.random() < 0.5
    kernel = [rng.randrange(1, 8 if same else min(7, side) + 1) for side in sides]
    stride = [rng.randrange(1, 4) for _ in sides]
    return Geometry.make(source, outputs, (kernel[0], kernel[1]), (stride[0], stride[1]), same, lanes)
