"""One-layer models for tests: each function gives the content of a ``.tflite`` file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tflite_writer import ModelWriter

SAME, VALID = 0, 1
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
Quantisation = tuple[float, int]


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
    size = [
        -(-n // s) if padding == SAME else (n - k) // s + 1
        for n, k, s in zip(shape, window, strides, strict=False)
    ]
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


def pool_model(
    shape: tuple[int, int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: int,
    activation: str = "NONE",
    quantisation: Quantisation = (0.05, -3),
) -> bytes:
    """MAX_POOL_2D."""
    size = [
        -(-n // s) if padding == SAME else (n - k) // s + 1
        for n, k, s in zip(shape, window, strides, strict=False)
    ]
    w = ModelWriter()
    x = w.tensor("net/image", (1, *shape), scale=quantisation[0], zero_point=quantisation[1])
    y = w.tensor("net/pool/out", (1, *size, shape[2]), scale=quantisation[0], zero_point=quantisation[1])
    w.operator(
        "MAX_POOL_2D",
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
