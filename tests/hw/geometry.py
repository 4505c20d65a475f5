"""Layers of every kind that the event finder walks, drawn at random, and their descriptors."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tensors import Tensor

from stillframe.contract import Op

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

NO_PADDING: Padding = ((0, 0), (0, 0))
KINDS = ("convolution", "dilated", "depthwise", "average", "pool", "pad", "resize", "add", "concat")


@dataclass(frozen=True)
class Base:
    """Where a tensor begins in the memories (of a first input with the layer's own things)."""

    masks: int = 0  # MASKS word
    events: int = 0  # EVENTS block
    codes: int = 0  # CODES word
    rows: int = 0
    weights: int = 0
    params: int = 0


@dataclass(frozen=True)
class Geometry:
    """A window moving over a tensor, or over two of the same height and width, pixel by pixel.

    Pairs are rows, columns.

    Attributes:
        multiplier: Of a depthwise layer; 0 of any other.
        borders: PARAMS rows to go on for a kernel row and a column outside the image.
        repeat: Output rows and columns that share a window.
        second: The second input of an ADD or CONCAT.
    """

    op: Op
    input: Tensor
    channels: int
    lanes: int
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    repeat: Pair = (1, 1)
    multiplier: int = 0
    borders: Pair = (0, 0)
    second: Tensor | None = None

    @property
    def output(self) -> Tensor:
        sizes = (
            ((size + sum(pad) - (k - 1) * d - 1) // s + 1) * r
            for size, pad, k, d, s, r in zip(
                (self.input.height, self.input.width),
                self.padding,
                self.kernel,
                self.dilation,
                self.stride,
                self.repeat,
                strict=True,
            )
        )
        return Tensor(*sizes, self.channels, self.input.drain)

    @property
    def inputs(self) -> list[Tensor]:
        return [self.input] if self.second is None else [self.input, self.second]

    @property
    def groups(self) -> int:
        """Passes over a pixel."""
        return -(-self.channels // self.lanes) if self.op is Op.MAC else 1

    @property
    def apart(self) -> bool:
        """Whether the kernel's columns are walked one by one."""
        return self.dilation[1] > 1 or self.multiplier > 0

    @property
    def pixel_weights(self) -> int:
        """WEIGHTS rows of a kernel's pixel; 0 where all share one."""
        if self.borders != (0, 0):
            return 0
        return 1 if self.multiplier else self.input.pixel

    def fields(self, base: Base, second: Base | None = None) -> dict[str, int]:
        """The descriptor's fields that the finder and the windows use."""
        source, target, rows = self.input, self.output, self.dilation[0]
        steps = (rows, rows * source.mask_pitch, rows * source.pitch)
        if second is not None:
            steps = (second.rows - base.rows, second.masks - base.masks, second.codes - base.codes)
        columns, covered = self.kernel[1], min(self.lanes, self.channels)
        fields = {
            "op": int(self.op),
            "in_masks": base.masks,
            "in_events": base.events,
            "in_codes": base.codes,
            "in_rows": base.rows,
            "weights": base.weights,
            "params": base.params,
            "kernel_rows": self.kernel[0] if second is None else 2,
            "row_step": rows if second is None else 0,
            "flag_step": steps[0] % 2**14,
            "mask_step": steps[1] % 2**20,
            "code_step": steps[2] % 2**20,
            "kernel_row": columns * self.pixel_weights,
            "kernel": self.kernel[0] * columns * self.pixel_weights,
            "segments": columns if self.apart else 1,
            "segment": source.pixel * (1 if self.apart else columns),
            "segment_step": source.pixel * self.dilation[1],
            "segment_weights": self.pixel_weights,
            "in_height": source.height,
            "in_row": source.row,
            "in_pitch": source.pitch,
            "in_words": source.words,
            "in_valid": source.out_valid,
            "in_channels": source.channels,
            "stride_rows": self.stride[0],
            "stride": self.stride[1] * source.pixel,
            "pad_rows": self.padding[0][0],
            "pad": self.padding[1][0] * source.pixel,
            "repeat_rows": self.repeat[0] - 1,
            "repeat": self.repeat[1] - 1,
            "border_rows": self.borders[0],
            "border_columns": self.borders[1],
            "out_height": target.height,
            "out_width": target.width,
            "out_words": target.words,
            "out_valid": target.out_valid,
            "out_pitch": target.pitch,
            "groups": self.groups,
        }
        if self.multiplier:
            fields |= {
                "depthwise": 1,
                "multiplier": self.multiplier,
                "segment": -(-covered // self.multiplier),
                "group_channels": self.lanes // self.multiplier,
                "group_rest": self.lanes % self.multiplier,
            }
        if self.second is not None and second is not None:
            fields |= {
                "two_inputs": 1,
                "second_codes": second.codes,
                "second_pitch": self.second.pitch,
                "second_words": self.second.words,
                "second_valid": self.second.out_valid,
            }
        return fields


def same(size: int, kernel: int, stride: int) -> Pair:
    """TensorFlow's SAME padding, before and behind."""
    missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return missing // 2, missing - missing // 2


def random_geometry(rng: random.Random, kind: str, drain: int, lanes: int) -> Geometry:
    """A layer of a kind: kernels 1 to 7, strides 1 to 4, dilations 1 to 3, multipliers 1 to 8.

    1 to 40 channels; SAME, VALID, or padding so wide that windows lie outside the image; now and then a tall
    window.
    """
    channels = rng.choice((1, 2, 3, drain, 16, rng.randrange(1, 41)))
    source = Tensor(rng.randrange(1, 9), rng.randrange(1, 9), channels, drain)
    if kind == "resize":
        repeat = (rng.randrange(1, 5), rng.randrange(1, 5))
        return Geometry(Op.POOL, source, channels, lanes, repeat=repeat)
    if kind in ("add", "concat"):
        others = channels if kind == "add" else rng.choice((1, 3, drain, rng.randrange(1, 30)))
        second = Tensor(source.height, source.width, others, drain)
        op = Op.ADD if kind == "add" else Op.CONCAT
        return Geometry(op, source, channels + others * (kind == "concat"), lanes, second=second)
    outputs = channels
    if kind in ("convolution", "dilated"):
        outputs = rng.choice((1, lanes, lanes + 1, rng.randrange(1, 41)))
    if kind == "convolution" and rng.random() < 0.15:  # fully connected
        source = Tensor(rng.randrange(8, 33), rng.randrange(1, 4), min(channels, 6), drain)
        return Geometry(Op.MAC, source, outputs, lanes, (source.height, source.width))
    multiplier = {"depthwise": rng.randrange(1, 9), "average": 1}.get(kind, 0)
    sides = (source.height, source.width)
    dilation = tuple(rng.randrange(1, 4) for _ in sides) if kind == "dilated" else (1, 1)
    kernel, stride, padding = [], [], []
    for side, d in zip(sides, dilation, strict=True):
        s, k = rng.randrange(1, 5), 1 if kind == "pad" else rng.randrange(1, 8)
        extent = (k - 1) * d + 1
        pads = [same(side, extent, s), (rng.randrange(extent + 2), rng.randrange(extent + 2))]
        if extent <= side:
            pads.append((0, 0))
        if kind == "pad":
            pads = pads[1:2]
        before, behind = rng.choice(pads)
        kernel.append(k)
        stride.append(1 if kind == "pad" else s)
        padding.append((before, behind + max(0, extent - side - before - behind)))
    return Geometry(
        Op.POOL if kind in ("pool", "pad") else Op.MAC,
        source,
        outputs * (multiplier or 1),
        lanes,
        (kernel[0], kernel[1]),
        (stride[0], stride[1]),
        (padding[0], padding[1]),
        (dilation[0], dilation[1]),
        multiplier=multiplier,
        borders=(rng.randrange(1, 40), rng.randrange(1, 9)) if kind == "average" else (0, 0),
    )
