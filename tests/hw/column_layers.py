"""MAC layers for the column walker, drawn at random, and rows of them."""

from __future__ import annotations

import random

from column_walk import Fields

from stillframe.contract.array import MASK_COLUMNS, SLOTS

STRIP = 8
"""Output columns of a strip where a row's pixels do not all find a slot."""


def live_pixels(span: int, stride: int, columns: int) -> int:
    """Pixels that a block of columns may have a tap with."""
    return (span + columns - 1) // stride + 1


def random_layer(rng: random.Random) -> Fields:
    """Kernels of 1 to 9 columns, strides 1 to 9, dilations 1 to 3, one or several passes, channelwise or not,
    paddings from none to more than the kernel has, blocks and strips that leave a slot for each pixel."""
    kernel = rng.choice((1, 1, 2, 3, 3, 4, 5, 7, 9))
    stride = rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 8, 9))
    dilation = rng.randrange(1, 4) if stride == 1 and kernel > 1 else 1
    span = (kernel - 1) * dilation
    width = rng.choice((1, 4, 8, rng.randrange(1, 50)))
    pads = rng.choice(
        ((0, 0), (span // 2, span - span // 2), (rng.randrange(span + 4), rng.randrange(span + 9)))
    )
    if rng.random() < 0.1:  # windows beside the image
        pads = (rng.randrange(60), rng.randrange(60))
    missing = max(0, span + 1 - width - sum(pads))
    out_width = (width + sum(pads) + missing - span - 1) // stride + 1
    return layer(
        rng,
        kernel,
        stride,
        dilation,
        width=width,
        pad=pads[0],
        out_width=out_width,
        **blocks(rng, span, stride, out_width),
    )


def blocks(rng: random.Random, span: int, stride: int, out_width: int) -> Fields:
    """Blocks and strips for which the slots suffice."""
    phased = stride in (1, 2, 4, 8)
    largest = 3 if phased else 0
    fitting = [n for n in range(largest + 1) if live_pixels(span, stride, 1 << n) < SLOTS]
    strip = rng.choice((out_width, out_width, rng.randrange(STRIP, 2 * STRIP)))
    if not fitting or rng.random() < 0.1:
        fitting, strip = list(range(largest + 1)), STRIP
    return {
        "block_log2": rng.choice(fitting),
        "strip": strip,
        "stride_log2": stride.bit_length() - 1 if phased else 0,
    }


def layer(rng: random.Random, kernel: int, stride: int = 1, dilation: int = 1, **fields: int) -> Fields:
    """A layer with a kernel of 1 to 3 rows; ``width`` is the input's."""
    width = fields.pop("width")
    depthwise, groups = int(rng.random() < 0.3), rng.randrange(1, 4)
    words = fields.pop("words", rng.randrange(1, 4))
    tap_rows = 1 if depthwise else rng.choice((1, 4, 8, 16))
    tap_rows = 0 if depthwise and rng.random() < 0.3 else tap_rows
    row = kernel * tap_rows * (1 if depthwise else words)
    rows = rng.randrange(1, 4)
    mask_words = -(-width // MASK_COLUMNS)
    every = groups if depthwise else words
    return {
        "stride_log2": 0,
        "kernel_columns": kernel,
        "kernel_rows": rows,
        "stride": stride,
        "dilation": dilation,
        "span": (kernel - 1) * dilation,
        "depthwise": depthwise,
        "groups": groups,
        "in_width": width,
        "in_words": every,
        "in_mask_words": mask_words,
        "mask_step": every * mask_words * rng.randrange(1, 3),
        "event_step": every * width * rng.randrange(1, 3),
        "out_mask_words": -(-fields["out_width"] // MASK_COLUMNS),
        "pass_words": 1 if depthwise else rng.randrange(1, 5),
        "tap_rows": tap_rows,
        "word_row": 0 if depthwise else kernel * tap_rows,
        "kernel_row": row,
        "kernel": rows * row,
        "weights": rng.randrange(1 << 20),
        "params": rng.randrange(1000),
    } | fields


def random_rows(rng: random.Random, layer: Fields, count: int, density: float) -> list[dict[str, int]]:
    """Rows to walk, as the row finder gives them; kernel rows are live with a probability."""
    return [
        {
            "y": y,
            "offset": rng.randrange(1 << 18),
            "mask": rng.randrange(1 << 18),
            "masks": rng.randrange(1 << 20),
            "events": rng.randrange(1 << 20),
            "border": rng.randrange(100),
            "live": sum(int(rng.random() < density) << ky for ky in range(layer["kernel_rows"])),
            "everything": rng.randrange(2),
        }
        for y in range(count)
    ]
