"""Fan-out: how many outputs of a layer read each of its inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def reach_along(size: int, kernel: int, stride: int, dilation: int, padding: str) -> Counts:
    """How many positions of a sliding window read each input position, along one axis.

    Args:
        size: Of the input, in pixels.
        kernel, stride, dilation: Of the window.
        padding: ``same`` or ``valid``.

    Returns:
        int64, (size,).
    """
    span = (kernel - 1) * dilation + 1
    if padding == "same":
        outputs = -(-size // stride)
        before = max((outputs - 1) * stride + span - size, 0) // 2
    else:
        outputs, before = max(0, (size - span) // stride + 1), 0
    taps = np.arange(outputs)[:, None] * stride - before + np.arange(kernel)[None] * dilation
    inside = taps[(taps >= 0) & (taps < size)]
    return np.bincount(inside, minlength=size).astype(np.int64)


def reach(
    shape: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: str,
) -> Counts:
    """The same for a two-dimensional window: int64, (height, width)."""
    rows, columns = (
        reach_along(*along, padding) for along in zip(shape, kernel, strides, dilation, strict=True)
    )
    return np.outer(rows, columns)
