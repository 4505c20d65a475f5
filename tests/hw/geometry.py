"""MAC layers that the event finder walks, drawn at random, and their descriptors."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tensors import Tensor

from stillframe.compiler.schedule import PHASED_STRIDES, blocks, share
from stillframe.contract import ArrayConfig, Op

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

NO_PADDING: Padding = ((0, 0), (0, 0))
KINDS = ("convolution", "dilated", "wide", "depthwise", "average")


@dataclass(frozen=True)
class Base:
    """Where a layer's tensor begins in the memories, and the layer's own things."""

    masks: int = 0
    events: int = 0
    rows: int = 0
    weights: int = 0
    params: int = 0


@dataclass(frozen=True)
class Geometry:
    """A window moving over a tensor, as an array works it off. Pairs are rows, columns.

    Attributes:
        depthwise: Lanes are input channels.
        borders: PARAMS rows to go on for a kernel row outside the image and for a column; not 0 in an
            average, whose weights are one row for all.
    """

    config: ArrayConfig
    input: Tensor
    channels: int
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    depthwise: bool = False
    borders: Pair = (0, 0)

    @property
    def output(self) -> Tensor:
        height, width = (
            (size + sum(pad) - (k - 1) * d - 1) // s + 1
            for size, pad, k, d, s in zip(
                (self.input.height, self.input.width),
                self.padding,
                self.kernel,
                self.dilation,
                self.stride,
                strict=True,
            )
        )
        return Tensor(height, width, self.channels, self.input.drain)

    @property
    def share(self) -> int:
        """Classes of banks."""
        return self.config.banks if self.depthwise else share(self.channels, self.config)

    @property
    def pass_channels(self) -> int:
        """Output channels of a full pass."""
        return self.config.drain if self.depthwise else self.config.total_lanes // self.share

    @property
    def groups(self) -> int:
        """Passes over a row."""
        return -(-self.channels // self.pass_channels)

    @property
    def pass_words(self) -> int:
        """Words of a pixel drained in a full pass."""
        return -(-self.pass_channels // self.config.drain)

    @property
    def tap_rows(self) -> int:
        """WEIGHTS rows of a kernel column; 0 where all share one."""
        if self.borders != (0, 0):
            return 0
        return 1 if self.depthwise else self.config.drain // self.share

    @property
    def word_row(self) -> int:
        """WEIGHTS rows of a channel word."""
        return 0 if self.depthwise else self.kernel[1] * self.tap_rows

    @property
    def kernel_row(self) -> int:
        """WEIGHTS rows of a kernel row."""
        return self.kernel[1] * self.tap_rows * (1 if self.depthwise else self.input.words)

    @property
    def span(self) -> int:
        """Columns from the kernel's first one to its last."""
        return (self.kernel[1] - 1) * self.dilation[1]

    @property
    def strip(self) -> int:
        """Output columns that are worked off together."""
        return blocks(self.span, self.stride[1], self.output.width).strip

    def fields(self, base: Base) -> dict[str, int]:
        """The descriptor's fields that the finder uses."""
        source, target, rows = self.input, self.output, self.dilation[0]
        last = self.channels - (self.groups - 1) * self.pass_channels
        stride = self.stride[1]
        return {
            "op": int(Op.MAC),
            "depthwise": int(self.depthwise),
            "in_masks": base.masks,
            "in_events": base.events,
            "in_rows": base.rows,
            "weights": base.weights,
            "params": base.params,
            "kernel_rows": self.kernel[0],
            "row_step": rows,
            "flag_step": rows,
            "mask_step": rows * source.mask_pitch,
            "event_step": rows * source.pitch,
            "code_step": rows * source.pitch,
            "kernel_columns": self.kernel[1],
            "span": self.span,
            "dilation": self.dilation[1] if self.span else 1,
            "stride_rows": self.stride[0],
            "stride": stride,
            "stride_log2": stride.bit_length() - 1 if stride in PHASED_STRIDES else 0,
            "pad_rows": self.padding[0][0],
            "pad": self.padding[1][0],
            "in_height": source.height,
            "in_width": source.width,
            "in_words": source.words,
            "in_pitch": source.pitch,
            "in_mask_words": source.mask_words,
            "in_mask_pitch": source.mask_pitch,
            "share_log2": self.share.bit_length() - 1,
            "block_log2": blocks(self.span, stride, target.width).log2,
            "strip": self.strip,
            "groups": self.groups,
            "pass_words": self.pass_words,
            "last_words": -(-last // self.config.drain),
            "kernel": self.kernel[0] * self.kernel_row,
            "kernel_row": self.kernel_row,
            "word_row": self.word_row,
            "tap_rows": self.tap_rows,
            "border_rows": self.borders[0],
            "border_columns": self.borders[1],
            "out_height": target.height,
            "out_width": target.width,
            "out_words": target.words,
            "out_valid": target.out_valid,
            "out_pitch": target.pitch,
            "out_mask_words": target.mask_words,
            "out_mask_pitch": target.mask_pitch,
        }


def same(size: int, kernel: int, stride: int) -> Pair:
    """TensorFlow's SAME padding, before and behind."""
    missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return missing // 2, missing - missing // 2


def random_geometry(rng: random.Random, kind: str, config: ArrayConfig) -> Geometry:
    """A layer of a kind: kernels 1 to 7 (``wide``: to 21 columns), strides 1 to 5 and 8, dilations 1 to 3.

    SAME, VALID, or padding so wide that windows lie outside the image; now and then a dense layer.
    """
    drain, lanes = config.drain, config.total_lanes
    channels = rng.choice((1, 3, drain, drain + 1, rng.randrange(1, 41)))
    source = Tensor(rng.randrange(1, 7), rng.choice((1, 8, rng.randrange(1, 30))), channels, drain)
    depthwise = kind in ("depthwise", "average")
    outputs = channels if depthwise else rng.choice((1, config.lanes, lanes, lanes + 1, rng.randrange(1, 41)))
    sides = (source.height, source.width)
    if kind == "convolution" and rng.random() < 0.15:  # fully connected
        return Geometry(config, source, outputs, sides)
    dilation = [rng.randrange(1, 4) if kind == "dilated" else 1 for _ in sides]
    kernel, stride, padding = [], [], []
    for axis, (side, d) in enumerate(zip(sides, dilation, strict=True)):
        wide = kind == "wide" and axis == 1
        k = rng.randrange(9, 22) if wide else rng.randrange(1, 8)
        s = rng.choice((1, 1, 2, 2, 3, 4, 5, 8)) if axis == 0 or d == 1 else 1
        extent = (k - 1) * d + 1
        pads = [same(side, extent, s), (rng.randrange(extent + 2), rng.randrange(extent + 2))]
        if extent <= side:
            pads.append((0, 0))
        before, behind = rng.choice(pads)
        kernel.append(k)
        stride.append(s)
        padding.append((before, behind + max(0, extent - side - before - behind)))
    return Geometry(
        config,
        source,
        outputs,
        (kernel[0], kernel[1]),
        (stride[0], stride[1]),
        (padding[0], padding[1]),
        (dilation[0], dilation[1]),
        depthwise,
        (rng.randrange(1, 40), rng.randrange(1, 9)) if kind == "average" else (0, 0),
    )
