"""LOGISTIC and TANH: TFLite fills a table with floats when it loads the model, and so does this."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from typing import Any

import numpy as np

from ..graph import Int8, Lookup
from ..operation import Operation
from .registry import handler

LOGISTIC_SCALE = 1 / 256
"""The only output scale of LOGISTIC that TFLite's kernel takes."""

FINEST_SCALE = 2.0**-20
"""Smallest output scale of TANH: below, TFLite's integers may overflow."""


@handler("LOGISTIC", "TANH")
def lookup(operation: Operation) -> None:
    """Read a sigmoid or a hyperbolic tangent."""
    tensor = operation.device_input()
    source = operation.builder.tensors[tensor]
    scale, zero_point = operation.quantisation(operation.output)
    if operation.raw.op == "LOGISTIC" and scale != LOGISTIC_SCALE:
        raise operation.error(
            f"an output scale of {LOGISTIC_SCALE}",
            f"{scale}",
            "convert the model again with TensorFlow's converter, which gives it that scale",
        )
    if scale < FINEST_SCALE:
        raise operation.error(
            f"an output scale of {FINEST_SCALE} and more",
            f"{scale}",
            "convert the model again with TensorFlow's converter, which gives it 1/128",
        )
    codes = _table(operation.raw.op, (source.scale, source.zero_point), (scale, zero_point))
    operation.add(
        lambda name, index: Lookup(
            name=name, op=operation.raw.op, inputs=(tensor,), output=index, codes=codes
        ),
        source.shape,
    )


@cache
def _function(name: str) -> Any:
    """A function of a float in C's mathematical library, which TFLite calls.

    NumPy's own give another last bit in some values.
    """
    function = getattr(ctypes.CDLL(ctypes.util.find_library("m")), name)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return function


def _table(op: str, source: tuple[float, int], target: tuple[float, int]) -> Int8:
    """Output codes for codes -128 to 127, each step in TFLite's float32."""
    x = np.float32(source[0]) * np.arange(-128 - source[1], 128 - source[1]).astype(np.float32)
    if op == "LOGISTIC":
        y = 1 / (1 + np.array([_function("expf")(-value) for value in x.tolist()], np.float32))
    else:
        y = np.array([_function("tanhf")(value) for value in x.tolist()], np.float32)
    fine = (y * (1 / np.float32(target[0]))).astype(np.float64)  # in which adding a half is exact
    codes = np.copysign(np.floor(np.abs(fine) + 0.5), fine) + target[1]
    return np.clip(codes, -128, 127).astype(np.int8)
