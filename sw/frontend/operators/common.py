"""What several handlers share: fused activations, padding, and the constants of a requantisation."""

from __future__ import annotations

import numpy as np
import tflite

from stillframe.contract.array import MAX_KERNEL_COLUMNS, MAX_KERNEL_ROWS
from stillframe.contract.memory_map import MAX_LEFT_SHIFT

from ..graph import Int8, Int32, Padding, Pair, Tensor
from ..operation import CONVERT_AGAIN, Operation
from ..quantise import ACTIVATIONS, Int64, activation_range
from ..shapes import shape_text

MAX_STRIDE = 32
"""Largest stride that is read."""

MAX_DILATION = 2
"""Most pixels from one tap to the next."""

MAX_DEPTH_MULTIPLIER = 8
"""Most output channels that one input channel of a depthwise convolution makes."""

NO_PADDING = ((0, 0), (0, 0))

_ACTIVATION_NAMES = {v: k for k, v in vars(tflite.ActivationFunctionType).items() if isinstance(v, int)}


def check_map(operation: Operation, height: int, width: int) -> None:
    """See that a layer over a whole map is no larger than a kernel may be."""
    for size, most, what in ((height, MAX_KERNEL_ROWS, "rows"), (width, MAX_KERNEL_COLUMNS, "columns")):
        if size > most:
            raise operation.error(
                f"a map of at most {most} {what}",
                f"{size}",
                "pool, or use a convolution with strides, before the layer",
            )


def fused_range(operation: Operation, code: int) -> tuple[int, int]:
    """(smallest, largest) output code under the fused activation with the schema's number ``code``."""
    activation = _ACTIVATION_NAMES.get(code, f"activation {code}")
    if activation not in ACTIVATIONS:
        raise operation.error(
            f"a fused activation out of {', '.join(ACTIVATIONS)}",
            activation,
            "use one of these in the layer",
        )
    return activation_range(activation, *operation.quantisation(operation.output))


def window_geometry(
    operation: Operation,
    size: Pair,
    window: Pair,
    strides: Pair,
    padding: int,
    dilation: Pair = (1, 1),
) -> tuple[Pair, Padding]:
    """Output size and padding of a window that slides over a map of ``size``.

    ``padding`` is the schema's number for SAME or VALID.
    """
    if not 1 <= window[0] <= MAX_KERNEL_ROWS or not 1 <= window[1] <= MAX_KERNEL_COLUMNS:
        raise operation.error(
            f"a kernel of 1 x 1 to {MAX_KERNEL_ROWS} x {MAX_KERNEL_COLUMNS}",
            f"{window[0]} x {window[1]}",
            "use several smaller kernels",
        )
    if not all(1 <= stride <= MAX_STRIDE for stride in strides):
        raise operation.error(
            f"strides of 1 to {MAX_STRIDE}", f"{strides[0]} x {strides[1]}", "use smaller strides"
        )
    if not all(1 <= factor <= MAX_DILATION for factor in dilation):
        raise operation.error(
            f"dilation of 1 to {MAX_DILATION}",
            f"{dilation[0]} x {dilation[1]}",
            "use a larger kernel, or strides, instead of dilation",
        )
    if window[1] > 1 and strides[1] > 1 and dilation[1] > 1:
        raise operation.error(
            "a stride or a dilation of columns",
            f"a stride of {strides[1]} and a dilation of {dilation[1]}",
            "take one of them only",
        )
    if padding not in (tflite.Padding.SAME, tflite.Padding.VALID):
        raise operation.error("padding SAME or VALID", f"padding {padding}", CONVERT_AGAIN)
    out, pads = [], []
    reach = [(k - 1) * factor + 1 for k, factor in zip(window, dilation, strict=True)]
    for n, k, stride in zip(size, reach, strides, strict=True):
        if padding == tflite.Padding.VALID and n < k:
            raise operation.error(
                "a map at least as large as the kernel",
                f"{size[0]} x {size[1]} under {reach[0]} x {reach[1]}",
                "give the model a larger input, or pad with SAME",
            )
        m = -(-n // stride) if padding == tflite.Padding.SAME else (n - k) // stride + 1
        total = max((m - 1) * stride + k - n, 0) if padding == tflite.Padding.SAME else 0
        out.append(m)
        pads.append((total // 2, total - total // 2))
    return (out[0], out[1]), (pads[0], pads[1])


def same_quantisation(operation: Operation, source: Tensor) -> None:
    """Refuse an output whose codes mean something else than those of the input ``source``."""
    scale, zero_point = operation.quantisation(operation.output)
    if (scale, zero_point) != (source.scale, source.zero_point):
        raise operation.error(
            f"an output quantised as the input, scale {source.scale} and zero point {source.zero_point}",
            f"{scale} and {zero_point}",
            "convert the model again with TensorFlow's converter, which keeps them equal",
        )


def channel_codes(operation: Operation, position: int, channels: int) -> Int8:
    """The int8 constants in input ``position``, one a channel, from one for all or one for each."""
    codes = operation.constant(position, "INT8", "values")
    if codes.size not in (1, channels) or codes.size != (1, *codes.shape)[-1]:
        raise operation.error(
            f"one constant for each of {channels} channels, or one for all",
            f"constants of {shape_text(codes.shape)}",
            "use one value, or a vector along the channels",
        )
    return np.broadcast_to(codes.reshape(-1), (channels,)).astype(np.int8)


def bias_or_zeros(operation: Operation, position: int, channels: int) -> Int32:
    """The int32 bias in input ``position``; zeros where the layer has none."""
    if not operation.has_input(position):
        return np.zeros(channels, np.int32)
    bias = operation.constant(position, "INT32", "bias").reshape(-1).astype(np.int32)
    if len(bias) != channels:
        raise operation.error(f"{channels} biases", f"{len(bias)}", CONVERT_AGAIN)
    return bias


def requantisation(
    operation: Operation, multipliers: list[tuple[int, int]], channels: int
) -> tuple[Int32, Int32]:
    """Multiplier and shift by output channel, from one for all or one for each."""
    for channel, (_, shift) in enumerate(multipliers):
        if shift > MAX_LEFT_SHIFT:
            raise operation.error(
                f"a requantisation that shifts left by at most {MAX_LEFT_SHIFT} bits",
                f"{shift} in channel {channel}",
                "calibrate on frames that exercise the layer: its output scale is far too fine",
            )
    columns = np.array(multipliers, np.int32)
    multiplier, shift = np.broadcast_to(columns, (channels, 2)).T
    return multiplier.copy(), shift.copy()


def check_overflow(operation: Operation, low: Int64, high: Int64, shift: Int32) -> None:
    """Refuse what would overflow TensorFlow Lite's 32 bits: its result there is undefined.

    ``low`` and ``high`` are the accumulators' range by output channel.
    """
    bound = np.maximum(np.abs(low), np.abs(high)) << np.maximum(shift, 0)
    if bound.max() >= 2**31:
        raise operation.error(
            "accumulators of at most 32 bits",
            f"up to {int(bound.max())} in channel {int(bound.argmax())}",
            "use fewer input channels or a smaller kernel, or calibrate on frames that exercise the layer",
        )
