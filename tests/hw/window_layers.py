"""Layers on codes: their descriptors, the rows that the row finder gives, and the words that come of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from requantise_reference import Operand, random_operand
from tensors import Tensor

from stillframe.contract import Op

Pair = tuple[int, int]
Memory = dict[int, list[int]]
Items = list[dict[str, Any]]

KINDS = ("pool", "pad", "resize", "add", "concat")
CODES, SECOND_CODES = 30000, 900
"""CODES word of the first and of the second input tensor, unless exchanged."""
PARAMS, MASKS = 11, 5000
"""PARAMS row of the layer; MASKS word of its output."""


@dataclass(frozen=True)
class WindowLayer:
    """A window moving over a tensor, or over two of the same height and width. Pairs are rows, columns.

    Attributes:
        size: Of the output.
        padding: Rows above and columns left of the image.
        repeat: Output rows and columns that share a window.
        bases: CODES words of the inputs.
        operands: Of an ADD.
    """

    op: Op
    inputs: tuple[Tensor, ...]
    size: Pair
    zero_point: int
    bases: Pair = (CODES, SECOND_CODES)
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    repeat: Pair = (1, 1)
    operands: tuple[Operand, ...] = ()

    @property
    def output(self) -> Tensor:
        channels = [tensor.channels for tensor in self.inputs]
        drain = self.inputs[0].drain
        return Tensor(*self.size, sum(channels) if self.op is Op.CONCAT else channels[0], drain)

    @property
    def reads(self) -> int:
        """Words read for an output pixel whose window is inside the image."""
        words = sum(tensor.words for tensor in self.inputs)
        return words * self.kernel[0] * self.kernel[1]

    def fields(self) -> dict[str, int]:
        """The fields of the descriptor that the windows use."""
        source, second, target = self.inputs[0], self.inputs[-1], self.output
        fields = {
            "op": int(self.op),
            "kernel_columns": self.kernel[1],
            "stride": self.stride[1],
            "pad": self.padding[1],
            "repeat": self.repeat[1] - 1,
            "code_step": source.pitch,
            "in_width": source.width,
            "in_words": source.words,
            "in_valid": source.out_valid,
            "out_width": target.width,
            "out_words": target.words,
            "out_valid": target.out_valid,
            "out_zero_point": self.zero_point,
            "params": PARAMS,
        }
        if len(self.inputs) == 2:
            fields |= {
                "two_inputs": 1,
                "code_step": (self.bases[1] - self.bases[0]) % 2**20,
                "second_words": second.words,
                "second_valid": second.out_valid,
            }
        for name, operand in zip(("in", "second"), self.operands, strict=False):
            fields |= {
                f"{name}_zero_point": operand.zero_point,
                f"{name}_multiplier": operand.multiplier,
                f"{name}_shift": operand.shift,
            }
        if self.operands:
            fields["subtract"] = int(self.operands[1].negate)
        return fields

    def image_rows(self, y: int) -> range:
        """Rows of the image in the windows of output row ``y``."""
        top = y // self.repeat[0] * self.stride[0] - self.padding[0]
        return range(max(0, top), min(self.inputs[0].height, top + self.kernel[0]))

    def image_columns(self, x: int) -> range:
        """Columns of the image in the windows of output column ``x``."""
        left = x // self.repeat[1] * self.stride[1] - self.padding[1]
        return range(max(0, left), min(self.inputs[0].width, left + self.kernel[1]))

    def row(self, y: int) -> dict[str, int]:
        """An output row, as KERNEL_ROWS."""
        source, inside = self.inputs[0], self.image_rows(y)
        row = {
            "y": y,
            "offset": y * self.output.pitch,
            "mask": MASKS + y,
            "inside": 2 if len(self.inputs) == 2 else len(inside),
            "codes": (self.bases[0] + inside[0] * source.pitch) if inside else 12345,
        }
        return row | {"second": self.bases[1] + y * self.inputs[1].pitch} if self.op is Op.CONCAT else row

    def memory(self, rng: random.Random) -> Memory:
        """Random codes of the inputs."""
        return {
            base + offset: [rng.choice((-128, 127, rng.randrange(-128, 128))) for _ in range(tensor.drain)]
            for base, tensor in self.sources()
            for offset in range(tensor.size)
        }

    def sources(self) -> list[tuple[int, Tensor]]:
        """The inputs and where they begin."""
        return list(zip(self.bases, self.inputs, strict=False))

    def words(self, y: int, memory: Memory) -> Items:
        """The words of an output row; of a CONCAT without what is no channel, which may be anything."""
        target, drain = self.output, self.output.drain
        name = "z" if self.op is Op.ADD else "codes"
        items = []
        for x in range(target.width):
            elements = self._pixel(y, x, memory)
            for word in range(target.words):
                channels = min(drain, target.channels - word * drain)
                item = {
                    name: elements[word * drain : (word + 1) * drain],
                    "row": PARAMS + word,
                    "offset": target.offset(y, x, word),
                    "valid": (1 << channels) - 1,
                }
                place = {"y": y, "mask": MASKS + y, "block": x // 8, "column": x % 8}
                ends = {"first": int(word == 0), "last": int(word == target.words - 1)}
                items.append({"word": item, "place": place | ends})
        return items

    def _pixel(self, y: int, x: int, memory: Memory) -> list[int]:
        """Elements of an output pixel, word by word."""
        rows, columns = self.image_rows(y), self.image_columns(x)
        windows = [
            [
                [memory[base + tensor.offset(row, column, word)] for row in rows for column in columns]
                for word in range(tensor.words)
            ]
            for base, tensor in self.sources()
        ]
        if self.op is Op.POOL:
            hollow = [self.zero_point] * self.output.drain
            maxima = ([max(codes) for codes in zip(*words, strict=True)] or hollow for words in windows[0])
            return [code for word in maxima for code in word]
        inputs = [[code for words in window for code in words[0]] for window in windows]
        if self.op is Op.CONCAT:
            parts = zip(inputs, self.inputs, strict=True)
            return [code for codes, tensor in parts for code in codes[: tensor.channels]]
        operands = zip(self.operands, inputs, strict=True)
        terms = [[operand.rescale(code) for code in codes] for operand, codes in operands]
        return [sum(pair) for pair in zip(*terms, strict=True)]


def of_two(rng: random.Random, op: Op, size: Pair, channels: Pair, drain: int) -> WindowLayer:
    """An ADD or CONCAT of two tensors with so many channels."""
    tensors = tuple(Tensor(*size, n, drain) for n in channels)
    bases = rng.choice(((CODES, SECOND_CODES), (SECOND_CODES, CODES)))
    operands = (random_operand(rng), random_operand(rng, negate=rng.random() < 0.5))
    zero_point = rng.randrange(-128, 128)
    return WindowLayer(op, tensors, size, zero_point, bases, operands=operands if op is Op.ADD else ())


def random_layer(rng: random.Random, kind: str, drain: int) -> WindowLayer:
    """A layer of a kind: windows of 1 to 7, strides 1 to 4, so much padding that windows lie outside."""
    channels = rng.choice((1, 3, drain, 2 * drain, rng.randrange(1, 41)))
    source = Tensor(rng.randrange(1, 9), rng.randrange(1, 12), channels, drain)
    sides, zero_point = (source.height, source.width), rng.randrange(-128, 128)
    if kind in ("add", "concat"):
        others = channels if kind == "add" else rng.choice((1, 3, drain, rng.randrange(1, 30)))
        return of_two(rng, Op[kind.upper()], sides, (channels, others), drain)
    if kind == "resize":
        repeat = (rng.randrange(1, 5), rng.randrange(1, 5))
        size = (repeat[0] * sides[0], repeat[1] * sides[1])
        return WindowLayer(Op.POOL, (source,), size, zero_point, repeat=repeat)
    window = [_axis(rng, side, kind) for side in sides]
    size, kernel, stride, padding = ((down, across) for down, across in zip(*window, strict=True))
    return WindowLayer(Op.POOL, (source,), size, zero_point, kernel=kernel, stride=stride, padding=padding)


def _axis(rng: random.Random, side: int, kind: str) -> tuple[int, int, int, int]:
    """Outputs, kernel, stride and padding in one direction."""
    kernel, stride = (1, 1) if kind == "pad" else (rng.randrange(1, 8), rng.randrange(1, 5))
    before, behind = (rng.choice((0, kernel // 2, rng.randrange(kernel + 2))) for _ in range(2))
    behind += max(0, kernel - side - before - behind)
    return (side + before + behind - kernel) // stride + 1, kernel, stride, before
