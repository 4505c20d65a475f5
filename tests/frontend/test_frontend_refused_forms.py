"""Forms of operators that the array does not have: the whole message of each, whatever the host does then."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from single_layers import (
    concat_model,
    constant_model,
    conv_model,
    depthwise_model,
    mean_model,
    pad_model,
    resize_model,
    sum_model,
    unary_model,
)

from stillframe.contract import StillframeError
from stillframe.frontend.builder import GraphBuilder
from stillframe.frontend.flatbuffer import parse
from stillframe.frontend.operation import Operation
from stillframe.frontend.operators import HANDLERS
from stillframe.frontend.operators.aborts import check_runs

INT8_HINT = (
    "give the Keras model instead, or convert with full-integer quantisation (int8 weights and activations)"
)
DAMAGED = "convert the model again: the file is damaged"
CONV = "m.tflite: layer 'conv' (operator 0, CONV_2D): "
DEPTHWISE = "m.tflite: layer 'depthwise' (operator 0, DEPTHWISE_CONV_2D): "
SHAPE = (6, 7, 3)
ONES = np.ones((4, 3, 3, 3))
FINE = (0.125, 0)
INT8 = ("INT8", 0.1, 0)
Case = tuple[Callable[[], bytes], str]

CASES: dict[str, Case] = {
    "map smaller than the dilated kernel": (
        lambda: conv_model((4, 9, 3), ONES, dilation=(2, 1)),
        f"{CONV}expected a map at least as large as the kernel, got 4 x 9 under 5 x 3\n"
        "  -> give the model a larger input, or pad with SAME",
    ),
    "depthwise weights": (
        lambda: depthwise_model(SHAPE, np.ones((1, 3, 3, 4))),
        f"{DEPTHWISE}expected weights of 1 x rows x columns x a multiple of 3 channels, got 1 x 3 x 3 x 4\n"
        f"  -> {DAMAGED}",
    ),
    "depth multiplier": (
        lambda: depthwise_model(SHAPE, np.ones((1, 3, 3, 27))),
        f"{DEPTHWISE}expected a depth multiplier of 1 to 8, got 9\n"
        "  -> use a smaller one, or CONV_2D with groups=1",
    ),
    "depthwise scales along another dimension": (
        lambda: depthwise_model(SHAPE, np.ones((1, 3, 3, 3)), scales=[0.1] * 3, axis=0),
        f"{DEPTHWISE}expected one weight scale, or one for each of 3 output channels, "
        "got 3 along dimension 0\n"
        f"  -> {INT8_HINT}",
    ),
    "sum of two shapes": (
        lambda: sum_model("ADD", SHAPE, (FINE, FINE, FINE), channels=1),
        "m.tflite: layer 'sum' (operator 1, ADD): "
        "expected two maps of one shape, got 6 x 7 x 3 and 6 x 7 x 1\n"
        "  -> repeat the smaller map with UpSampling2D",
    ),
    "sum far too fine": (
        lambda: sum_model("SUB", SHAPE, (FINE, FINE, (FINE[0] * 2**-19, 0))),
        "m.tflite: layer 'sum' (operator 1, SUB): expected an output scale above 2**-19 of the operands', "
        "got 2.384185791015625e-07 for operands of 0.125 and 0.125\n"
        "  -> calibrate on frames that exercise the layer: the scale is that of a tensor that is always 0",
    ),
    "mean of a map that is too wide": (
        lambda: mean_model((2, 65, 1), (FINE, FINE)),
        "m.tflite: layer 'mean' (operator 0, MEAN): expected a map of at most 64 columns, got 65\n"
        "  -> pool, or use a convolution with strides, before the layer",
    ),
    "mean over other dimensions": (
        lambda: mean_model(SHAPE, (FINE, FINE), axes=(1, 3)),
        "m.tflite: layer 'mean' (operator 0, MEAN): expected a mean over rows and columns, "
        "dimensions 1 and 2 of 4, got dimensions 1, 3 of 4 of a 6 x 7 x 3 map\n"
        "  -> use GlobalAveragePooling2D",
    ),
    "mean far too fine": (
        lambda: mean_model(SHAPE, (FINE, (FINE[0] * 2**-13, 0))),
        "m.tflite: layer 'mean' (operator 0, MEAN): "
        "expected a requantisation that shifts left by at most 7 bits, got 9 in channel 0\n"
        "  -> calibrate on frames that exercise the layer: its output scale is far too fine",
    ),
    "constants of a whole map": (
        lambda: constant_model("ADD", SHAPE, np.ones((6, 7, 3)), FINE, (FINE, FINE)),
        "m.tflite: layer 'shift' (operator 0, ADD): "
        "expected one constant for each of 3 channels, or one for all, got constants of 6 x 7 x 3\n"
        "  -> use one value, or a vector along the channels",
    ),
    "product of two maps": (
        lambda: sum_model("MUL", SHAPE, (FINE, FINE, FINE)),
        "m.tflite: layer 'sum' (operator 1, MUL): "
        "expected a product with a constant, got two computed maps, 6 x 7 x 3 and 6 x 7 x 3\n"
        "  -> take the gate or attention out of the model, or add the two instead",
    ),
    "product far too fine": (
        lambda: constant_model("MUL", SHAPE, 1, FINE, (FINE, (FINE[0] * 2**-13, 0))),
        "m.tflite: layer 'shift' (operator 0, MUL): "
        "expected a requantisation that shifts left by at most 7 bits, got 11 in channel 0\n"
        "  -> calibrate on frames that exercise the layer: its output scale is far too fine",
    ),
    "leaky ReLU far too fine": (
        lambda: unary_model(
            "LEAKY_RELU", SHAPE, INT8, ("INT8", 0.1 * 2**-8, 0), "LeakyReluOptions", Alpha=0.5
        ),
        "m.tflite: layer 'layer' (operator 0, LEAKY_RELU): "
        "expected a requantisation that shifts left by at most 7 bits, got 9 in channel 0\n"
        "  -> calibrate on frames that exercise the layer: its output scale is far too fine",
    ),
    "requantisation far too fine": (
        lambda: unary_model("QUANTIZE", SHAPE, INT8, ("INT8", 0.1 * 2**-8, 0)),
        "m.tflite: layer 'layer' (operator 0, QUANTIZE): "
        "expected a requantisation that shifts left by at most 7 bits, got 9 in channel 0\n"
        "  -> calibrate on frames that exercise the layer: its output scale is far too fine",
    ),
    "hard swish": (
        lambda: unary_model("HARD_SWISH", SHAPE, INT8, ("INT8", 2**-11, 0), "HardSwishOptions"),
        "m.tflite: layer 'layer' (operator 0, HARD_SWISH): "
        "expected an input scale of 2**-21 to 2**8 and an output scale of 2**-7 to 2**8 of it, "
        "got 0.10000000149011612 and 0.00048828125\n"
        "  -> calibrate on frames that exercise the layer",
    ),
    "logistic scale": (
        lambda: unary_model("LOGISTIC", SHAPE, INT8, ("INT8", 1 / 128, -128)),
        "m.tflite: layer 'layer' (operator 0, LOGISTIC): "
        "expected an output scale of 0.00390625, got 0.0078125\n"
        "  -> convert the model again with TensorFlow's converter, which gives it that scale",
    ),
    "tanh scale": (
        lambda: unary_model("TANH", SHAPE, INT8, ("INT8", 2.0**-21, 0)),
        "m.tflite: layer 'layer' (operator 0, TANH): "
        "expected an output scale of 9.5367431640625e-07 and more, got 4.76837158203125e-07\n"
        "  -> convert the model again with TensorFlow's converter, which gives it 1/128",
    ),
    "padding of channels": (
        lambda: pad_model(SHAPE, [(0, 0), (1, 2), (0, 0), (0, 5)]),
        "m.tflite: layer 'pad' (operator 0, PAD): "
        "expected a padding of rows and columns only, by 0 and more, "
        "got 0 + 0, 1 + 2, 0 + 0, 0 + 5\n"
        "  -> use ZeroPadding2D",
    ),
    "concatenation of rows": (
        lambda: concat_model(SHAPE, axis=1),
        "m.tflite: layer 'concat' (operator 1, CONCATENATION): "
        "expected two maps or more of one size put together along channels, dimension 3, "
        "got 6 x 7 x 3 and 6 x 7 x 3 and 6 x 7 x 3 along dimension 1\n"
        "  -> use Concatenate(axis=-1), with maps of one height and width",
    ),
    "concatenation of two scales": (
        lambda: concat_model(SHAPE, (0.5, 3), target=(0.25, 3)),
        "m.tflite: layer 'concat' (operator 1, CONCATENATION): "
        "expected an output quantised as the input, scale 0.5 and zero point 3, got 0.25 and 3\n"
        "  -> convert the model again with TensorFlow's converter, which keeps them equal",
    ),
    "concatenation with an activation": (
        lambda: concat_model(SHAPE, activation="RELU"),
        "m.tflite: layer 'concat' (operator 1, CONCATENATION): "
        "expected no fused activation, got activation 1\n"
        "  -> use an activation layer behind it",
    ),
    "resize by a fraction": (
        lambda: resize_model(SHAPE, (9, 14)),
        "m.tflite: layer 'resize' (operator 0, RESIZE_NEAREST_NEIGHBOR): "
        "expected an enlargement by whole factors, each pixel as often as any other, got 6 x 7 to 9 x 14\n"
        "  -> use UpSampling2D(interpolation='nearest')",
    ),
    "resize with aligned corners": (
        lambda: resize_model(SHAPE, (12, 14), True, True),
        "m.tflite: layer 'resize' (operator 0, RESIZE_NEAREST_NEIGHBOR): "
        "expected an enlargement by whole factors, each pixel as often as any other, "
        "got 6 x 7 to 12 x 14, corners aligned, half pixels\n"
        "  -> use UpSampling2D(interpolation='nearest')",
    ),
}


def read_operators(data: bytes) -> None:
    """Let the handlers read all operators, without a way out onto the host."""
    raw = parse(data, "m.tflite")
    builder = GraphBuilder(raw, "m.tflite")
    for operator in raw.operators:
        operation = Operation(builder, operator)
        check_runs(operation)
        HANDLERS[operator.op](operation)


@pytest.mark.parametrize("case", CASES)
def test_message(case):
    make, expected = CASES[case]
    with pytest.raises(StillframeError) as error:
        read_operators(make())
    assert str(error.value) == expected
