"""One-layer models for tests: each function gives the content of a ``.tflite`` file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tflite_writer import ModelWriter

SAME, VALID = 0, 1
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
SUM_OPTIONS = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}
Quantisation = tuple[float, int]


def output_size(
    shape: Sequence[int],
    window: Sequence[int],
    strides: tuple[int, int],
    padding: int,
    dilation: tuple[int, int] = (1, 1),
) -> list[int]:
    """Rows and columns that a window makes of a map of ``shape``."""
    return [
        -(-n // s) if padding == SAME else (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(shape, window, strides, dilation, strict=False)
    ]


def conv_model(
    shape: tuple[int, int, int],
    weights: Any,
    bias: Any = None,
    strides: tuple[int, int] = (1, 1),
    padding: int = VALID,
    activation: str = "NONE",
    quantisation: tuple[Quantisation, Quantisation] = ((0.05, -3), (0.1, 5)),
    scales: float | Sequence[float] = 0.02,
    dilation: tuple[int, int] = (1, 1),
    **changes: Any,
) -> bytes:
    """CONV_2D. ``weights`` are int8, (output channels, rows, columns, input channels).

    ``changes`` override arguments of the weight tensor.
    """
    weights = np.asarray(weights, np.int8)
    channels, *window, _ = weights.shape
    size = output_size(shape, window, strides, padding, dilation)
    w = ModelWriter()
    (scale_in, zero_in), (scale_out, zero_out) = quantisation
    x = w.tensor("net/image", (1, *shape), scale=scale_in, zero_point=zero_in)
    k = w.tensor(
        "net/conv/kernel",
        **({"shape": weights.shape, "scale": scales, "data": weights} | changes),
    )
    inputs = [x, k]
    if bias is not None:
        inputs.append(
            w.tensor("net/conv/bias", (len(bias),), "INT32", scale_in * np.asarray(scales), data=bias)
        )
    y = w.tensor("net/conv/out", (1, *size, channels), scale=scale_out, zero_point=zero_out)
    w.operator(
        "CONV_2D",
        inputs,
        [y],
        "Conv2DOptions",
        Padding=padding,
        StrideH=strides[0],
        StrideW=strides[1],
        DilationHFactor=dilation[0],
        DilationWFactor=dilation[1],
        FusedActivationFunction=ACTIVATIONS.get(activation, 4),
    )
    return w.finish([x], [y])


def dense_model(
    shape: tuple[int, ...],
    weights: Any,
    bias: Any = None,
    activation: str = "NONE",
    quantisation: tuple[Quantisation, Quantisation] = ((0.05, -3), (0.1, 5)),
    scales: float | Sequence[float] = 0.02,
    flatten: bool = True,
    keep_dims: bool = False,
) -> bytes:
    """RESHAPE to features (if ``flatten``), then FULLY_CONNECTED. ``weights`` are int8, (units, features)."""
    weights = np.asarray(weights, np.int8)
    units, features = weights.shape
    w = ModelWriter()
    (scale_in, zero_in), (scale_out, zero_out) = quantisation
    x = source = w.tensor("net/image", (1, *shape), scale=scale_in, zero_point=zero_in)
    if flatten:
        source = w.tensor("net/flat", (1, features), scale=scale_in, zero_point=zero_in)
        to = w.tensor("net/flat/shape", (2,), "INT32", data=[1, features])
        w.operator("RESHAPE", [x, to], [source], "ReshapeOptions", NewShape=[1, features])
    k = w.tensor("net/dense/kernel", weights.shape, scale=scales, data=weights)
    inputs = [source, k]
    if bias is not None:
        inputs.append(w.tensor("net/dense/bias", (units,), "INT32", scale_in * np.asarray(scales), data=bias))
    out = (1, *shape[:-1], units) if keep_dims else (1, units)
    y = w.tensor("net/dense/out", out, scale=scale_out, zero_point=zero_out)
    w.operator(
        "FULLY_CONNECTED",
        inputs,
        [y],
        "FullyConnectedOptions",
        FusedActivationFunction=ACTIVATIONS[activation],
        KeepNumDims=keep_dims,
    )
    return w.finish([x], [y])


def depthwise_model(
    shape: tuple[int, int, int],
    weights: Any,
    bias: Any = None,
    strides: tuple[int, int] = (1, 1),
    padding: int = VALID,
    activation: str = "NONE",
    quantisation: tuple[Quantisation, Quantisation] = ((0.05, -3), (0.1, 5)),
    scales: float | Sequence[float] = 0.02,
    dilation: tuple[int, int] = (1, 1),
    **changes: Any,
) -> bytes:
    """DEPTHWISE_CONV_2D. ``weights`` are int8, (1, rows, columns, input channels x multiplier).

    ``changes`` override arguments of the weight tensor.
    """
    weights = np.asarray(weights, np.int8)
    _, *window, channels = weights.shape
    size = output_size(shape, window, strides, padding, dilation)
    w = ModelWriter()
    (scale_in, zero_in), (scale_out, zero_out) = quantisation
    x = w.tensor("net/image", (1, *shape), scale=scale_in, zero_point=zero_in)
    k = w.tensor(
        "net/depthwise/kernel",
        **({"shape": weights.shape, "scale": scales, "data": weights, "axis": 3} | changes),
    )
    bias = np.zeros(channels) if bias is None else bias
    b = w.tensor("net/depthwise/bias", (len(bias),), "INT32", scale_in * np.asarray(scales), data=bias)
    y = w.tensor("net/depthwise/out", (1, *size, channels), scale=scale_out, zero_point=zero_out)
    w.operator(
        "DEPTHWISE_CONV_2D",
        [x, k, b],
        [y],
        "DepthwiseConv2DOptions",
        Padding=padding,
        StrideH=strides[0],
        StrideW=strides[1],
        DepthMultiplier=channels // shape[2],
        DilationHFactor=dilation[0],
        DilationWFactor=dilation[1],
        FusedActivationFunction=ACTIVATIONS[activation],
    )
    return w.finish([x], [y])


def pool_model(
    shape: tuple[int, int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: int,
    activation: str = "NONE",
    quantisation: Quantisation = (0.05, -3),
    op: str = "MAX_POOL_2D",
) -> bytes:
    """MAX_POOL_2D or AVERAGE_POOL_2D."""
    size = output_size(shape, window, strides, padding)
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), scale=quantisation[0], zero_point=quantisation[1])
    y = w.tensor("net/pool/out", (1, *size, shape[2]), scale=quantisation[0], zero_point=quantisation[1])
    w.operator(
        op,
        [x],
        [y],
        "Pool2DOptions",
        Padding=padding,
        StrideH=strides[0],
        StrideW=strides[1],
        FilterHeight=window[0],
        FilterWidth=window[1],
        FusedActivationFunction=ACTIVATIONS[activation],
    )
    return w.finish([x], [y])


def mean_model(
    shape: tuple[int, ...],
    quantisation: tuple[Quantisation, Quantisation],
    keep_dims: bool = False,
    axes: Sequence[int] = (1, 2),
) -> bytes:
    """MEAN over ``axes``, the batch counted as dimension 0."""
    w = ModelWriter()
    whole = (1, *shape)
    kept = [n for i, n in enumerate(whole) if i not in [a % len(whole) for a in axes]]
    folded = [1 if i in [a % len(whole) for a in axes] else n for i, n in enumerate(whole)]
    x = w.tensor("net/image", whole, scale=quantisation[0][0], zero_point=quantisation[0][1])
    a = w.tensor("net/mean/axes", (len(axes),), "INT32", data=axes)
    out = folded if keep_dims else kept
    y = w.tensor("net/mean/out", out, scale=quantisation[1][0], zero_point=quantisation[1][1])
    w.operator("MEAN", [x, a], [y], "ReducerOptions", KeepDims=keep_dims)
    return w.finish([x], [y])


def sum_model(
    op: str,
    shape: tuple[int, int, int],
    quantisation: tuple[Quantisation, Quantisation, Quantisation],
    activation: str = "NONE",
    channels: int | None = None,
) -> bytes:
    """ADD or SUB of the input and of its channels in reverse, which a convolution gives another quantisation.

    ``quantisation``: of the input, of the second operand (``channels`` of it) and of the result.
    """
    w = ModelWriter()
    (scale_in, zero_in), (scale_second, zero_second), (scale_out, zero_out) = quantisation
    channels = shape[2] if channels is None else channels
    x = w.tensor("net/image", (1, *shape), scale=scale_in, zero_point=zero_in)
    weights = np.eye(shape[2])[::-1][:channels, None, None]
    scale = scale_second / scale_in
    k = w.tensor("net/reverse/kernel", weights.shape, scale=scale, data=weights)
    b = w.tensor("net/reverse/bias", (channels,), "INT32", scale_in * scale, data=np.zeros(channels))
    second = w.tensor(
        "net/reverse/out", (1, *shape[:2], channels), scale=scale_second, zero_point=zero_second
    )
    w.operator("CONV_2D", [x, k, b], [second], "Conv2DOptions", Padding=VALID, StrideH=1, StrideW=1)
    y = w.tensor("net/sum/out", (1, *shape), scale=scale_out, zero_point=zero_out)
    w.operator(op, [x, second], [y], SUM_OPTIONS[op], FusedActivationFunction=ACTIVATIONS[activation])
    return w.finish([x], [y])


def residual_model(
    op: str,
    shape: tuple[int, int, int],
    weights: Any,
    quantisation: tuple[Quantisation, Quantisation, Quantisation],
    scales: Sequence[float],
    first: bool = True,
    activations: tuple[str, str] = ("NONE", "NONE"),
    shortcut: Any = None,
    slopes: Any = None,
) -> bytes:
    """ADD or SUB of what a CONV_2D, SAME, makes of the input, and of the input, or of what another one makes
    of it, of 1 x 1; then a PRELU.

    Args:
        weights: int8, (output channels, rows, columns, input channels).
        quantisation: Of the input (and what the other convolution makes of it), the convolution and the sum.
        scales: Of the weights by output channel.
        first: The convolution is the first operand.
        activations: Of the convolution and of the sum.
        shortcut: Weights of the other convolution, if there is one.
        slopes: int8, of the PRELU, if there is one.
    """
    w = ModelWriter()
    (scale_in, zero_in), own, total = quantisation
    size = (1, *shape[:2], len(weights))
    x = w.tensor("net/image", (1, *shape), scale=scale_in, zero_point=zero_in)

    def convolution(name: str, kernel: Any, target: Quantisation, activation: str) -> int:
        kernel = np.asarray(kernel, np.int8)
        k = w.tensor(f"net/{name}/kernel", kernel.shape, scale=scales, data=kernel)
        bias, bias_scales = np.zeros(len(kernel)), scale_in * np.asarray(scales)
        b = w.tensor(f"net/{name}/bias", bias.shape, "INT32", bias_scales, data=bias)
        y = w.tensor(f"net/{name}/out", size, scale=target[0], zero_point=target[1])
        code = ACTIVATIONS[activation]
        options = {"Padding": SAME, "StrideH": 1, "StrideW": 1, "FusedActivationFunction": code}
        w.operator("CONV_2D", [x, k, b], [y], "Conv2DOptions", **options)
        return y

    other = x if shortcut is None else convolution("shortcut", shortcut, quantisation[0], "NONE")
    made = convolution("conv", weights, own, activations[0])
    result = w.tensor("net/sum/out", size, scale=total[0], zero_point=total[1])
    operands = [made, other] if first else [other, made]
    w.operator(op, operands, [result], SUM_OPTIONS[op], FusedActivationFunction=ACTIVATIONS[activations[1]])
    if slopes is not None:
        alpha = w.tensor("net/prelu/alpha", slopes.shape, scale=0.01, zero_point=3, data=slopes)
        source, result = result, w.tensor("net/prelu/out", size, scale=total[0], zero_point=-total[1] // 2)
        w.operator("PRELU", [source, alpha], [result])
    return w.finish([x], [result])


def concat_model(
    shape: tuple[int, int, int],
    quantisation: Quantisation = (0.05, -3),
    axis: int = 3,
    activation: str = "NONE",
    target: Quantisation | None = None,
) -> bytes:
    """CONCATENATION of the input, its MAX_POOL_2D of 3 x 3, and the input again."""
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), scale=quantisation[0], zero_point=quantisation[1])
    p = w.tensor("net/pool/out", (1, *shape), scale=quantisation[0], zero_point=quantisation[1])
    window = {"StrideH": 1, "StrideW": 1, "FilterHeight": 3, "FilterWidth": 3}
    w.operator("MAX_POOL_2D", [x], [p], "Pool2DOptions", Padding=SAME, **window)
    out = [1, *shape]
    out[axis] *= 3
    scale, zero_point = target or quantisation
    y = w.tensor("net/concat/out", out, scale=scale, zero_point=zero_point)
    w.operator(
        "CONCATENATION",
        [x, p, x],
        [y],
        "ConcatenationOptions",
        Axis=axis,
        FusedActivationFunction=ACTIVATIONS[activation],
    )
    return w.finish([x], [y])


def pad_model(
    shape: tuple[int, int, int],
    padding: Sequence[tuple[int, int]],
    quantisation: Quantisation = (0.05, -3),
) -> bytes:
    """PAD by (before, after) of each dimension, the batch counted as dimension 0."""
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), scale=quantisation[0], zero_point=quantisation[1])
    p = w.tensor("net/pad/paddings", (len(padding), 2), "INT32", data=padding)
    size = [n + sum(pair) for n, pair in zip((1, *shape), padding, strict=True)]
    y = w.tensor("net/pad/out", size, scale=quantisation[0], zero_point=quantisation[1])
    w.operator("PAD", [x, p], [y], "PadOptions")
    return w.finish([x], [y])


def resize_model(
    shape: tuple[int, int, int],
    size: tuple[int, int],
    align_corners: bool = False,
    half_pixels: bool = False,
    quantisation: Quantisation = (0.05, -3),
) -> bytes:
    """RESIZE_NEAREST_NEIGHBOR to ``size``."""
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), scale=quantisation[0], zero_point=quantisation[1])
    s = w.tensor("net/resize/size", (2,), "INT32", data=size)
    y = w.tensor("net/resize/out", (1, *size, shape[2]), scale=quantisation[0], zero_point=quantisation[1])
    w.operator(
        "RESIZE_NEAREST_NEIGHBOR",
        [x, s],
        [y],
        "ResizeNearestNeighborOptions",
        AlignCorners=align_corners,
        HalfPixelCenters=half_pixels,
    )
    return w.finish([x], [y])


def prelu_model(
    shape: tuple[int, int, int],
    slopes: Any,
    alpha: Quantisation,
    quantisation: tuple[Quantisation, Quantisation],
) -> bytes:
    """PRELU; ``slopes`` are int8 codes of any shape that broadcasts."""
    slopes = np.asarray(slopes, np.int8)
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), scale=quantisation[0][0], zero_point=quantisation[0][1])
    a = w.tensor("net/prelu/alpha", slopes.shape, scale=alpha[0], zero_point=alpha[1], data=slopes)
    y = w.tensor("net/prelu/out", (1, *shape), scale=quantisation[1][0], zero_point=quantisation[1][1])
    w.operator("PRELU", [x, a], [y])
    return w.finish([x], [y])


def constant_model(
    op: str,
    shape: tuple[int, ...],
    values: Any,
    constant: Quantisation,
    quantisation: tuple[Quantisation, Quantisation],
    first: bool = False,
    activation: str = "NONE",
) -> bytes:
    """ADD, SUB or MUL of the input and a constant of codes ``values``, which may be the first operand."""
    values = np.asarray(values, np.int8)
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), scale=quantisation[0][0], zero_point=quantisation[0][1])
    c = w.tensor("net/shift/constant", values.shape, scale=constant[0], zero_point=constant[1], data=values)
    y = w.tensor("net/shift/out", (1, *shape), scale=quantisation[1][0], zero_point=quantisation[1][1])
    operands = [c, x] if first else [x, c]
    w.operator(op, operands, [y], SUM_OPTIONS[op], FusedActivationFunction=ACTIVATIONS[activation])
    return w.finish([x], [y])


def unary_model(
    op: str,
    shape: tuple[int, ...],
    source: tuple[str, float | None, int],
    target: tuple[str, float | None, int],
    options: str | None = None,
    **fields: Any,
) -> bytes:
    """One operator from one tensor to another of the same shape, each given as (dtype, scale, zero point)."""
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), *source)
    y = w.tensor("net/layer/out", (1, *shape), *target)
    w.operator(op, [x], [y], options, **fields)
    return w.finish([x], [y])
