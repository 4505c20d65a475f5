"""What is not supported: the whole message of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from single_layers import (
    SAME,
    conv_model,
    dense_model,
    pool_model,
    prelu_model,
    unary_model,
)
from tflite_writer import ModelWriter

from stillframe.contract import StillframeError
from stillframe.frontend import read_tflite
from stillframe.frontend.dataflow import Dataflow
from stillframe.frontend.flatbuffer import parse
from stillframe.frontend.operators import HANDLERS
from stillframe.frontend.reading import Reading

INT8_HINT = (
    "give the Keras model instead, or convert with full-integer quantisation (int8 weights and activations)"
)
DAMAGED = "convert the model again: the file is damaged"
SUPPORTED = ", ".join(sorted(HANDLERS))
CONV = "m.tflite: layer 'conv' (operator 0, CONV_2D): "
SHAPE = (6, 7, 3)
ONES = np.ones((4, 3, 3, 3))
INT8 = ("INT8", 0.1, 0)
Case = tuple[Callable[[], bytes], str]


def not_int8(computes: str) -> str:
    """What is said of a model without int8 values."""
    return (
        f"m.tflite: expected a model quantised to int8, got one that computes in {computes}\n"
        "  -> give the Keras model or the SavedModel that it was made from, with a clip to calibrate on, "
        "or convert it with full-integer quantisation (int8 weights and activations)"
    )


def convs(dtype: str, weights: str = "INT8", shape: tuple[int, ...] = (1, *SHAPE), inputs: int = 1) -> bytes:
    """A convolution between tensors of any type, shape and number."""
    w = ModelWriter()
    scale = None if dtype == "FLOAT32" else 0.1
    xs = [w.tensor(f"net/image{i}", shape, dtype, scale) for i in range(inputs)]
    k = w.tensor(
        "net/conv/kernel", (4, 1, 1, 3), weights, None if weights == "FLOAT32" else 0.1, data=np.ones(12)
    )
    y = w.tensor("net/conv/out", (*shape[:3], 4), dtype, scale)
    w.operator("CONV_2D", [xs[0], k], [y], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    return w.finish(xs, [y])


def chain(first: str, second: str = "CONV_2D") -> bytes:
    """A convolution, ``first``, and another convolution."""
    w = ModelWriter()
    x = w.tensor("net/image", (1, *SHAPE), *INT8)
    k = w.tensor("net/a/kernel", (4, 1, 1, 3), "INT8", 0.1, data=np.ones(12))
    y = w.tensor("net/a/out", (1, 6, 7, 4), *INT8)
    w.operator("CONV_2D", [x, k], [y], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    if first == "RESHAPE":
        z = w.tensor("net/b/out", (1, 7, 6, 4), *INT8)
        w.operator("RESHAPE", [y], [z], "ReshapeOptions", NewShape=[1, 7, 6, 4])
    elif first == "SOFTMAX":
        z = w.tensor("net/b/out", (1, 6, 7, 4), "INT8", 1 / 256, -128)
        w.operator("SOFTMAX", [y], [z], "SoftmaxOptions", Beta=1.0)
    else:
        z = w.tensor("net/b/out", (1, 6, 7, 4), "INT8", 0.2, 5)
        w.operator("QUANTIZE", [y], [z])
    k = w.tensor("net/c/kernel", (4, 1, 1, 4), "INT8", 0.1, data=np.ones(16))
    end = w.tensor("net/c/out", (*w._tensors[z]["shape"][:3], 4), *INT8)
    w.operator("CONV_2D", [z, k], [end], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    return w.finish([x], [end])


def two_entries() -> bytes:
    """The input is quantised in two ways."""
    w = ModelWriter()
    x = w.tensor("net/image", (1, *SHAPE), "FLOAT32")
    outs = []
    for name, scale in (("a", 0.1), ("b", 0.2)):
        q = w.tensor(f"net/q{name}/out", (1, *SHAPE), "INT8", scale, 5)
        w.operator("QUANTIZE", [x], [q])
        k = w.tensor(f"net/{name}/kernel", (4, 1, 1, 3), "INT8", 0.1, data=np.ones(12))
        outs.append(w.tensor(f"net/{name}/out", (1, 6, 7, 4), *INT8))
        w.operator("CONV_2D", [q, k], outs[-1:], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    return w.finish([x], outs)


def nothing(outputs_the_input: bool) -> bytes:
    """No layer for the device, or one beside an output that is the input itself."""
    if not outputs_the_input:
        return unary_model("DEQUANTIZE", SHAPE, INT8, ("FLOAT32", None, 0))
    w = ModelWriter()
    x = w.tensor("net/image", (1, *SHAPE), "FLOAT32")
    q = w.tensor("net/q/out", (1, *SHAPE), *INT8)
    y = w.tensor("net/relu/out", (1, *SHAPE), *INT8)
    w.operator("QUANTIZE", [x], [q])
    w.operator("RELU", [q], [y])
    return w.finish([x], [x])


def computed_weights() -> bytes:
    w = ModelWriter()
    x = w.tensor("net/image", (1, *SHAPE), *INT8)
    k = w.tensor("net/conv/kernel", (4, 1, 1, 3), *INT8)
    y = w.tensor("net/conv/out", (1, 6, 7, 4), *INT8)
    w.operator("CONV_2D", [x, k], [y], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    return w.finish([x], [y])


def constant_input() -> bytes:
    w = ModelWriter()
    x = w.tensor("net/image", (1, *SHAPE), *INT8)
    c = w.tensor("net/table", (1, 2, 2, 1), "INT8", 0.1, data=np.ones(4))
    y = w.tensor("net/relu/out", (1, 2, 2, 1), *INT8)
    w.operator("RELU", [c], [y])
    return w.finish([x], [y])


def pools_of_two_scales() -> bytes:
    w = ModelWriter()
    x = w.tensor("net/image", (1, *SHAPE), "INT8", 0.5, 3)
    y = w.tensor("net/pool/out", (1, *SHAPE), "INT8", 0.25, 3)
    options = {"Padding": 1, "StrideH": 1, "StrideW": 1, "FilterHeight": 1, "FilterWidth": 1}
    w.operator("MAX_POOL_2D", [x], [y], "Pool2DOptions", **options)
    return w.finish([x], [y])


def small_map() -> bytes:
    """A VALID convolution of 3 x 3 over a map of 2 rows."""
    w = ModelWriter()
    x = w.tensor("net/image", (1, 2, 7, 3), *INT8)
    k = w.tensor("net/conv/kernel", ONES.shape, "INT8", 0.1, data=ONES)
    y = w.tensor("net/conv/out", (1, 1, 5, 4), *INT8)
    w.operator("CONV_2D", [x, k], [y], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    return w.finish([x], [y])


CASES: dict[str, Case] = {
    "float": (
        lambda: convs("FLOAT32", "FLOAT32"),
        not_int8("float32"),
    ),
    "dynamic range": (
        lambda: convs("FLOAT32", "INT8"),
        not_int8("float32"),
    ),
    "int16": (
        lambda: convs("INT16"),
        not_int8("int16"),
    ),
    "uint8": (
        lambda: convs("UINT8"),
        not_int8("uint8"),
    ),
    "float weights": (
        lambda: convs("INT8", "FLOAT32"),
        f"{CONV}expected int8 weights as a constant, got constant float32 4 x 1 x 1 x 3\n  -> {INT8_HINT}",
    ),
    "computed weights": (
        computed_weights,
        "m.tflite: layer 'conv' (operator 0, CONV_2D): expected int8 weights as a constant, "
        f"got computed int8 4 x 1 x 1 x 3\n  -> {INT8_HINT}",
    ),
    "weights with zero points": (
        lambda: conv_model(SHAPE, ONES, scales=[0.1] * 4, zero_point=[0, 0, 7, 0]),
        f"{CONV}expected weights with zero point 0, got 7\n  -> {INT8_HINT}",
    ),
    "weight scales along another dimension": (
        lambda: conv_model(SHAPE, ONES[:3], scales=[0.1] * 3, axis=3),
        f"{CONV}expected one weight scale, or one for each of 3 output channels, got 3 along dimension 3\n"
        f"  -> {INT8_HINT}",
    ),
    "batch": (
        lambda: convs("INT8", shape=(2, *SHAPE)),
        "m.tflite: input 'net/image0': expected a shape with batch 1, got 2 x 6 x 7 x 3\n"
        "  -> convert the model with a batch of 1",
    ),
    "rank": (
        lambda: unary_model("RELU", (5, 3), INT8, INT8),
        "m.tflite: layer 'layer' (operator 0, RELU): "
        "expected frames of height x width x channels, or features alone, got 5 x 3\n"
        "  -> give the model an input of one of these shapes",
    ),
    "two inputs": (
        lambda: convs("INT8", inputs=2),
        "m.tflite: expected one input, got 2 ('net/image0', 'net/image1')\n"
        "  -> split the model, or stack its inputs into the channels of one",
    ),
    "operator": (
        lambda: unary_model("ELU", SHAPE, INT8, INT8),
        "m.tflite: layer 'layer' (operator 0, ELU): expected a supported operator, got ELU\n"
        f"  -> use LeakyReLU or ReLU instead; supported are {SUPPORTED}",
    ),
    "dilation": (
        lambda: conv_model((9, 9, 3), ONES, padding=SAME, dilation=(3, 1)),
        f"{CONV}expected dilation of 1 to 2, got 3 x 1\n"
        "  -> use a larger kernel, or strides, instead of dilation",
    ),
    "dilation and stride": (
        lambda: conv_model((9, 9, 3), ONES, strides=(1, 2), padding=SAME, dilation=(1, 2)),
        f"{CONV}expected a stride or a dilation of columns, got a stride of 2 and a dilation of 2\n"
        "  -> take one of them only",
    ),
    "groups": (
        lambda: conv_model((6, 7, 6), ONES),
        f"{CONV}expected a kernel over all 6 input channels, got one over 3 (groups)\n"
        "  -> use a convolution with groups=1",
    ),
    "kernel": (
        lambda: conv_model((70, 70, 1), np.ones((1, 65, 2, 1))),
        f"{CONV}expected a kernel of 1 x 1 to 64 x 64, got 65 x 2\n  -> use several smaller kernels",
    ),
    "strides": (
        lambda: conv_model((40, 40, 3), ONES, strides=(1, 33)),
        f"{CONV}expected strides of 1 to 32, got 1 x 33\n  -> use smaller strides",
    ),
    "map smaller than the kernel": (
        small_map,
        f"{CONV}expected a map at least as large as the kernel, got 2 x 7 under 3 x 3\n"
        "  -> give the model a larger input, or pad with SAME",
    ),
    "activation": (
        lambda: conv_model(SHAPE, ONES, activation="TANH"),
        f"{CONV}expected a fused activation out of NONE, RELU, RELU_N1_TO_1, RELU6, got TANH\n"
        "  -> use one of these in the layer",
    ),
    "biases": (
        lambda: conv_model(SHAPE, ONES, bias=[1, 2, 3]),
        f"{CONV}expected 4 biases, got 3\n  -> {DAMAGED}",
    ),
    "left shift": (
        lambda: conv_model(SHAPE, ONES, quantisation=((1.0, 0), (0.001, 0)), scales=0.25),
        f"{CONV}expected a requantisation that shifts left by at most 7 bits, got 8 in channel 0\n"
        "  -> calibrate on frames that exercise the layer: its output scale is far too fine",
    ),
    "overflow": (
        lambda: conv_model(SHAPE, ONES, bias=[0, 2**31 - 1, 0, 0]),
        f"{CONV}expected accumulators of at most 32 bits, got up to 2147487157 in channel 1\n"
        "  -> use fewer input channels or a smaller kernel, or calibrate on frames that exercise the layer",
    ),
    "dense features": (
        lambda: dense_model(SHAPE, np.ones((2, 63)), flatten=False),
        "m.tflite: layer 'dense' (operator 0, FULLY_CONNECTED): "
        "expected 126 features (all of the 6 x 7 x 3 map) or 3 (a pixel's), got 63\n"
        "  -> flatten the whole map before the layer",
    ),
    "dense rows": (
        lambda: dense_model((65, 1, 1), np.ones((2, 65))),
        "m.tflite: layer 'dense' (operator 1, FULLY_CONNECTED): expected a map of at most 64 rows, got 65\n"
        "  -> pool, or use a convolution with strides, before the layer",
    ),
    "dense columns": (
        lambda: dense_model((1, 65, 1), np.ones((2, 65))),
        "m.tflite: layer 'dense' (operator 1, FULLY_CONNECTED): "
        "expected a map of at most 64 columns, got 65\n"
        "  -> pool, or use a convolution with strides, before the layer",
    ),
    "dense left shift": (
        lambda: dense_model(
            (3,), np.ones((2, 3)), quantisation=((1.0, 0), (0.001, 0)), flatten=False, scales=1.0
        ),
        "m.tflite: layer 'dense' (operator 0, FULLY_CONNECTED): "
        "expected a requantisation that shifts left by at most 7 bits, got 10 in channel 0\n"
        "  -> calibrate on frames that exercise the layer: its output scale is far too fine",
    ),
    "slopes": (
        lambda: prelu_model(SHAPE, np.ones((6, 7, 3)), (0.1, 0), ((0.1, 0), (0.1, 0))),
        "m.tflite: layer 'prelu' (operator 0, PRELU): "
        "expected one slope for each of 3 channels, or one for all, got slopes of 6 x 7 x 3\n"
        "  -> make the layer with PReLU(shared_axes=[1, 2])",
    ),
    "pool window": (
        lambda: pool_model((70, 70, 1), (2, 65), (1, 1), SAME),
        "m.tflite: layer 'pool' (operator 0, MAX_POOL_2D): "
        "expected a kernel of 1 x 1 to 64 x 64, got 2 x 65\n"
        "  -> use several smaller kernels",
    ),
    "pool scales": (
        pools_of_two_scales,
        "m.tflite: layer 'pool' (operator 0, MAX_POOL_2D): "
        "expected an output quantised as the input, scale 0.5 and zero point 3, got 0.25 and 3\n"
        "  -> convert the model again with TensorFlow's converter, which keeps them equal",
    ),
    "softmax in the middle": (
        lambda: chain("SOFTMAX"),
        "m.tflite: layer 'c' (operator 2, CONV_2D): expected an input computed on the device, "
        "got the result of SOFTMAX (operator 1), which runs on the host\n"
        "  -> host operators may stand before the first and behind the last device layer only: "
        "take it out, or end the model there",
    ),
    "folded map": (
        lambda: chain("RESHAPE"),
        "m.tflite: layer 'c' (operator 2, CONV_2D): "
        "expected the 6 x 7 x 4 map as its producer computes it, got it reshaped to 7 x 6 x 4\n"
        "  -> take the reshape out of the model, or move it behind the last convolution",
    ),
    "two entries": (
        two_entries,
        "m.tflite: expected layers behind the device to read what the device computes, "
        "got 'qb', which reads 'net/image'\n"
        "  -> let all layers read the model's input behind the same operators",
    ),
    "constant input": (
        constant_input,
        "m.tflite: layer 'net' (operator 0, RELU): "
        f"expected an activation as input 'net/table', got a constant (int8)\n  -> {INT8_HINT}",
    ),
    "no layer": (
        lambda: nothing(False),
        "m.tflite: expected a layer for the device, got none\n"
        "  -> give a model with at least one convolution, dense or pooling layer",
    ),
    "input as output": (
        lambda: nothing(True),
        "m.tflite: output 'net/image': expected a result of the device, got the input itself\n"
        "  -> end the model at a layer that the device computes",
    ),
    "softmax scale": (
        lambda: unary_model("SOFTMAX", SHAPE, INT8, ("INT8", 0.01, -128), "SoftmaxOptions", Beta=1.0),
        "m.tflite: layer 'layer' (operator 0, SOFTMAX): "
        "expected an output of scale 0.00390625 and zero point -128, got 0.009999999776482582 and -128\n"
        "  -> convert the model again with TensorFlow's converter",
    ),
    "softmax factor": (
        lambda: unary_model("SOFTMAX", SHAPE, INT8, ("INT8", 1 / 256, -128), "SoftmaxOptions", Beta=-1.0),
        "m.tflite: layer 'layer' (operator 0, SOFTMAX): "
        "expected beta x scale above 2**-26, got -1.0 x 0.10000000149011612\n"
        "  -> calibrate on frames that exercise the layer: the scale is that of a tensor that is always 0",
    ),
    "quantize type": (
        lambda: unary_model("QUANTIZE", SHAPE, INT8, ("INT16", 0.1, 0)),
        "m.tflite: layer 'layer' (operator 0, QUANTIZE): "
        f"expected float32, int8 or uint8 to int8 or uint8, got int8 to int16\n  -> {INT8_HINT}",
    ),
    "dequantize type": (
        lambda: unary_model("DEQUANTIZE", SHAPE, INT8, ("UINT8", 0.1, 0)),
        "m.tflite: layer 'layer' (operator 0, DEQUANTIZE): "
        f"expected int8 or uint8 to float32, got int8 to uint8\n  -> {INT8_HINT}",
    ),
    "no scale": (
        lambda: unary_model("RELU", SHAPE, ("INT8", None, 0), INT8),
        "m.tflite: layer 'layer' (operator 0, RELU): "
        f"expected one scale and zero point for tensor 'net/image', got none\n  -> {INT8_HINT}",
    ),
    "scale of zero": (
        lambda: unary_model("RELU", SHAPE, ("INT8", 0.0, 0), INT8),
        "m.tflite: layer 'layer' (operator 0, RELU): "
        "expected a positive scale and a zero point of -128 to 127 "
        "for tensor 'net/image', got 0.0 and 0\n  -> " + DAMAGED,
    ),
}


def refusal(data: bytes) -> str:
    """The whole message of what is wrong with the model, or else of its first operator that is refused."""
    try:
        read_tflite(data, "m", "m.tflite")
    except StillframeError as error:
        return str(error)
    refused = Reading(Dataflow(parse(data, "m.tflite")), "m.tflite").refused
    return next((str(error) for error in refused.values()), "nothing is refused")


@pytest.mark.parametrize("case", CASES)
def test_message(case):
    """What is refused behind a layer for the array goes to the host, with that message as its reason."""
    make, expected = CASES[case]
    assert refusal(make()) == expected
