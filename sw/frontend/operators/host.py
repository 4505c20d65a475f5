"""QUANTIZE, DEQUANTIZE and SOFTMAX: the host applies them before the input or behind an output.

A QUANTIZE from int8 to int8 is a layer of the device, unless the host has its input.
"""

from __future__ import annotations

import tflite

from ..graph import Relu
from ..operation import INT8_HINT, Operation
from ..quantise import INT8_MAX, INT8_MIN, quantise_multiplier
from .common import requantisation
from .registry import handler

SOFTMAX_SCALE, SOFTMAX_ZERO_POINT = 1 / 256, -128
"""The only quantisation that TensorFlow Lite's int8 softmax gives."""


@handler("QUANTIZE")
def quantize(operation: Operation) -> None:
    """Read float32 to int8 or uint8, or int8 or uint8 to either."""
    source, target = operation.tensor(0), operation.output
    if target.dtype not in ("INT8", "UINT8") or source.dtype not in ("FLOAT32", "INT8", "UINT8"):
        raise operation.error(
            "float32, int8 or uint8 to int8 or uint8",
            f"{source.dtype.lower()} to {target.dtype.lower()}",
            INT8_HINT,
        )
    if source.dtype == target.dtype == "INT8" and not operation.value().host_ops:
        _requantize(operation)
        return
    scale, zero_point = operation.scale_and_zero_point(target)
    parameters = {
        "op": "QUANTIZE",
        "input_type": source.dtype.lower(),
        "output_type": target.dtype.lower(),
        "scale": scale,
        "zero_point": zero_point,
    }
    if source.dtype != "FLOAT32":
        scale_in, zero_point_in = operation.scale_and_zero_point(source)
        multiplier, shift = quantise_multiplier(scale_in / scale)
        parameters |= {"input_zero_point": zero_point_in, "multiplier": multiplier, "shift": shift}
    operation.add_host(parameters)


def _requantize(operation: Operation) -> None:
    tensor = operation.device_input()
    source = operation.builder.tensors[tensor]
    scale, _ = operation.quantisation(operation.output)
    multiplier, shift = quantise_multiplier(source.scale / scale)
    requantisation(operation, [(multiplier, shift)], 1)
    operation.add(
        lambda name, index: Relu(
            name=name,
            op="QUANTIZE",
            inputs=(tensor,),
            output=index,
            multiplier=multiplier,
            shift=shift,
            act_min=INT8_MIN,
            act_max=INT8_MAX,
        ),
        source.shape,
    )


@handler("DEQUANTIZE")
def dequantize(operation: Operation) -> None:
    """Read int8 or uint8 to float32."""
    source, target = operation.tensor(0), operation.output
    if source.dtype not in ("INT8", "UINT8") or target.dtype != "FLOAT32":
        raise operation.error(
            "int8 or uint8 to float32", f"{source.dtype.lower()} to {target.dtype.lower()}", INT8_HINT
        )
    scale, zero_point = operation.scale_and_zero_point(source)
    operation.add_host({"op": "DEQUANTIZE", "scale": scale, "zero_point": zero_point})


@handler("SOFTMAX")
def softmax(operation: Operation) -> None:
    """Read an int8 softmax over the last dimension."""
    (beta,) = operation.raw.options(tflite.SoftmaxOptions, "Beta")
    scale, _ = operation.quantisation(operation.tensor(0))
    scale_out, zero_point_out = operation.quantisation(operation.output)
    if (scale_out, zero_point_out) != (SOFTMAX_SCALE, SOFTMAX_ZERO_POINT):
        raise operation.error(
            f"an output of scale {SOFTMAX_SCALE} and zero point {SOFTMAX_ZERO_POINT}",
            f"{scale_out} and {zero_point_out}",
            "convert the model again with TensorFlow's converter",
        )
    operation.add_host({"op": "SOFTMAX", "beta": beta, "scale": scale})
