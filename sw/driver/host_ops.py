"""Operators that the host applies before the input or behind an output: numpy only.

They come as parameters, JSON values, one dictionary an operator, in order:

| ``op`` | parameters | what it does |
|---|---|---|
| QUANTIZE | ``input_type``, ``output_type``, ``scale``, ``zero_point`` | float32 values to codes |
| QUANTIZE | also ``input_zero_point``, ``multiplier``, ``shift`` | codes to codes of another scale or type |
| DEQUANTIZE | ``scale``, ``zero_point`` | int8 or uint8 codes to float32 |
| SOFTMAX | ``scale``, ``beta`` | int8 codes to int8 codes (1/256, zero point -128), over the last axis |
| RESHAPE | ``shape`` | another shape of one frame |

All are bit for bit what TensorFlow Lite's reference kernels compute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .softmax import high_mul, rounding_shift, softmax


def apply(operators: Iterable[Mapping[str, Any]], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Apply operators in order.

    Args:
        operators: Parameters of each, see above.
        values: int8, uint8 or float32: frames first, or one frame alone.

    Returns:
        The result, frames first (RESHAPE makes one frame alone the first of one).

    Raises:
        ValueError: An operator's name is not one of these.
    """
    for parameters in operators:
        match parameters["op"]:
            case "QUANTIZE":
                values = _quantize(parameters, values)
            case "DEQUANTIZE":
                values = _dequantize(parameters, values)
            case "SOFTMAX":
                values = softmax(values, parameters["scale"], parameters["beta"])
            case "RESHAPE":
                values = values.reshape(-1, *parameters["shape"])
            case other:
                raise ValueError(f"expected QUANTIZE, DEQUANTIZE, SOFTMAX or RESHAPE, got {other!r}")
    return values


def _quantize(parameters: Mapping[str, Any], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    zero_point, dtype = parameters["zero_point"], np.dtype(parameters["output_type"])
    if parameters["input_type"] == "float32":
        quotient = values.astype(np.float32) / np.float32(parameters["scale"])
        # In float64, so that adding a half is exact: the halves of a float32 go away from zero.
        codes = np.copysign(np.floor(np.abs(quotient.astype(np.float64)) + 0.5), quotient) + zero_point
    else:
        shift = parameters["shift"]
        shifted = (values.astype(np.int64) - parameters["input_zero_point"]) << max(shift, 0)
        codes = rounding_shift(high_mul(shifted, parameters["multiplier"]), max(-shift, 0)) + zero_point
    limits = np.iinfo(dtype)
    return np.clip(codes, limits.min, limits.max).astype(dtype)


def _dequantize(parameters: Mapping[str, Any], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return (parameters["scale"] * (values.astype(np.float64) - parameters["zero_point"])).astype(np.float32)
