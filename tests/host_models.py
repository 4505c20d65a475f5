"""Models with layers that the array does not have, in front, behind or beside: ``.tflite`` content."""

from __future__ import annotations

import numpy as np
from tflite_writer import ModelWriter

SCALE, ZERO_POINT = 0.05, -3


class Chain(ModelWriter):
    """Appends layers one after the other, each named after what it is called."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def shape(self, tensor: int) -> tuple[int, ...]:
        """A tensor's shape, with the batch."""
        return tuple(self._tensors[tensor]["shape"])

    def int8(self, name: str, shape: tuple[int, ...]) -> int:
        """An activation of the one quantisation that all have here."""
        return self.tensor(name, shape, "INT8", SCALE, ZERO_POINT)

    def conv(self, x: int, channels: int, name: str, kernel: int = 3) -> int:
        """CONV_2D, SAME, stride 1."""
        shape = self.shape(x)
        weights = self.rng.integers(-60, 61, (channels, kernel, kernel, shape[-1]))
        k = self.tensor(f"net/{name}/kernel", weights.shape, "INT8", 0.004, data=weights)
        bias = self.rng.integers(-999, 999, channels)
        b = self.tensor(f"net/{name}/bias", (channels,), "INT32", 0.0002, data=bias)
        y = self.int8(f"net/{name}/out", (*shape[:-1], channels))
        self.operator("CONV_2D", [x, k, b], [y], "Conv2DOptions", Padding=0, StrideH=1, StrideW=1)
        return y

    def transpose(self, x: int, order: tuple[int, ...], name: str) -> int:
        """TRANSPOSE."""
        shape = self.shape(x)
        p = self.tensor(f"net/{name}/order", (len(order),), "INT32", data=order)
        y = self.tensor(f"net/{name}/out", tuple(shape[i] for i in order), **self._quantisation(x))
        self.operator("TRANSPOSE", [x, p], [y], "TransposeOptions")
        return y

    def gather(self, x: int, places: list[int], name: str) -> int:
        """GATHER along the channels."""
        shape = self.shape(x)
        p = self.tensor(f"net/{name}/places", (len(places),), "INT32", data=places)
        y = self.tensor(f"net/{name}/out", (*shape[:-1], len(places)), **self._quantisation(x))
        self.operator("GATHER", [x, p], [y], "GatherOptions", Axis=len(shape) - 1)
        return y

    def absolute(self, x: int, name: str) -> int:
        """ABS."""
        y = self.int8(f"net/{name}/out", self.shape(x))
        self.operator("ABS", [x], [y])
        return y

    def softmax(self, x: int, name: str, beta: float = 1.0) -> int:
        """SOFTMAX over the channels."""
        y = self.tensor(f"net/{name}/out", self.shape(x), "INT8", 1 / 256, -128)
        self.operator("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=beta)
        return y

    def quantize(self, x: int, name: str) -> int:
        """QUANTIZE to int8."""
        y = self.int8(f"net/{name}/out", self.shape(x))
        self.operator("QUANTIZE", [x], [y])
        return y

    def dequantize(self, x: int, name: str) -> int:
        """DEQUANTIZE."""
        y = self.tensor(f"net/{name}/out", self.shape(x), "FLOAT32")
        self.operator("DEQUANTIZE", [x], [y])
        return y

    def divide(self, x: int, by: float, name: str) -> int:
        """DIV of float32 by a constant."""
        d = self.tensor(f"net/{name}/by", (), "FLOAT32", data=by)
        y = self.tensor(f"net/{name}/out", self.shape(x), "FLOAT32")
        self.operator("DIV", [x, d], [y], "DivOptions")
        return y

    def _quantisation(self, x: int) -> dict[str, object]:
        tensor = self._tensors[x]
        scales = tensor["scales"]
        return {
            "dtype": tensor["dtype"],
            "scale": None if scales is None else float(scales[0]),
            "zero_point": 0 if scales is None else int(tensor["zero_points"][0]),
        }


def tail_model() -> bytes:
    """Two convolutions; behind them a gather of channels, once as it is and once through an ABS."""
    w = Chain()
    x = w.int8("image", (1, 12, 16, 3))
    y = w.conv(w.conv(x, 6, "first"), 5, "second", 1)
    g = w.gather(y, [4, 0, 2], "pick")
    return w.finish([x], [g, w.absolute(g, "fold")], {"picked": g, "folded": g + 1})


def head_model(dtype: str = "FLOAT32") -> bytes:
    """Frames divided by 4 and quantised (FLOAT32), or transposed (else); then a convolution."""
    w = Chain()
    if dtype == "FLOAT32":
        x = w.tensor("image", (1, 12, 16, 3), "FLOAT32")
        y = w.quantize(w.divide(x, 4.0, "quarter"), "codes")
    else:
        x = w.tensor("image", (1, 12, 16, 3), dtype, 1 / 255, {"INT8": -128, "UINT8": 0}[dtype])
        y = w.transpose(x, (0, 2, 1, 3), "turn")
        y = y if dtype == "INT8" else w.quantize(y, "codes")
    return w.finish([x], [w.conv(y, 4, "only")])


def two_heads(second: str = "ABS") -> bytes:
    """A convolution and two heads: another convolution, and one behind an ABS (or SOFTMAX)."""
    w = Chain()
    x = w.int8("image", (1, 12, 16, 3))
    trunk = w.conv(x, 6, "trunk")
    a = w.conv(trunk, 4, "boxes")
    b = w.softmax(trunk, "soft") if second == "SOFTMAX" else w.absolute(trunk, "fold")
    return w.finish([x], [a, w.gather(b, [1, 3], "classes")])
