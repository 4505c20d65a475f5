"""Host operators against TensorFlow Lite's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from single_layers import unary_model

from stillframe.driver import host_ops
from stillframe.frontend.builder import GraphBuilder
from stillframe.frontend.flatbuffer import parse
from stillframe.frontend.operation import Operation
from stillframe.frontend.operators import HANDLERS
from stillframe.frontend.quiet import load_tensorflow, quiet

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)

scales = st.floats(2.0**-10, 2.0, width=32)


def reference(data: bytes, values: np.ndarray) -> np.ndarray:
    """What TensorFlow Lite's reference kernels make of ``values``."""
    tf = load_tensorflow()
    with quiet():
        interpreter = tf.lite.Interpreter(
            model_content=data, experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF
        )
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, values[np.newaxis])
    interpreter.invoke()
    return interpreter.get_tensor(1)[0]


def parameters_of(data: bytes) -> list[dict[str, Any]]:
    """The parameters that the front end reads from a file with one host operator."""
    raw = parse(data, "host.tflite")
    builder = GraphBuilder(raw, "host.tflite")
    HANDLERS[raw.operators[0].op](Operation(builder, raw.operators[0]))
    return list(builder.values[raw.outputs[0]].host_ops)


def assert_equals_reference(data: bytes, values: np.ndarray) -> np.ndarray:
    expected = reference(data, values)
    result = host_ops.apply(parameters_of(data), values)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
    return expected


@SETTINGS
@given(
    width=st.integers(2, 64),
    scale=scales,
    zero_point=st.integers(-128, 127),
    beta=st.one_of(st.just(1.0), st.floats(0.125, 3.0, width=32)),
    spread=st.sampled_from([5, 20, 60, 1000]),
    seed=st.integers(0, 2**32 - 1),
)
def test_softmax(width, scale, zero_point, beta, spread, seed):
    rows = 1000
    codes = np.clip(np.random.default_rng(seed).normal(0, spread, (rows, width)).round(), -128, 127)
    data = unary_model(
        "SOFTMAX",
        (rows, width),
        ("INT8", scale, zero_point),
        ("INT8", 1 / 256, -128),
        "SoftmaxOptions",
        Beta=beta,
    )
    assert_equals_reference(data, codes.astype(np.int8))


@pytest.mark.parametrize("scale", [0.0005, 0.01, 0.0529157, 0.25, 1.0, 30.0, 1e6])
def test_softmax_of_all_pairs_of_codes(scale):
    first, second = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    codes = np.stack([first, second], axis=-1).astype(np.int8)
    shape, options = codes.shape, ("SoftmaxOptions",)
    data = unary_model("SOFTMAX", shape, ("INT8", scale, 0), ("INT8", 1 / 256, -128), *options, Beta=1.0)
    result = assert_equals_reference(data, codes)
    assert len(np.unique(result)) >= 3


def test_softmax_of_one_class_and_of_equal_codes():
    for width in (1, 2, 3, 64, 300):
        codes = np.full((5, width), 7, np.int8)
        data = unary_model(
            "SOFTMAX", codes.shape, ("INT8", 0.1, 0), ("INT8", 1 / 256, -128), "SoftmaxOptions", Beta=1.0
        )
        assert_equals_reference(data, codes)


@SETTINGS
@given(
    types=st.sampled_from([("INT8", "UINT8"), ("UINT8", "INT8"), ("UINT8", "UINT8")]),
    scale_in=scales,
    scale_out=st.one_of(scales, st.none()),
    zero_in=st.integers(-128, 127),
    zero_out=st.integers(-128, 127),
)
def test_quantize_codes(types, scale_in, scale_out, zero_in, zero_out):
    """From int8 to int8 it is a layer of the device: see test_golden_elementwise.py."""
    source, target = types

    def shifted(dtype: str, zero_point: int) -> int:
        return zero_point + 128 if dtype == "UINT8" else zero_point

    codes = np.arange(256).astype(np.uint8).view(np.uint8 if source == "UINT8" else np.int8)
    data = unary_model(
        "QUANTIZE",
        codes.shape,
        (source, scale_in, shifted(source, zero_in)),
        (target, scale_out or scale_in, shifted(target, zero_out)),
    )
    assert_equals_reference(data, codes)


@SETTINGS
@given(
    target=st.sampled_from(["INT8", "UINT8"]),
    scale=scales,
    zero_point=st.integers(0, 127),
    seed=st.integers(0, 2**32 - 1),
)
def test_quantize_floats(target, scale, zero_point, seed):
    rng = np.random.default_rng(seed)
    halves = (np.arange(-300, 300) + 0.5) * np.float32(scale)
    around = np.concatenate([halves, np.nextafter(halves, 1e9), np.nextafter(halves, -1e9)])
    values = np.concatenate([around, rng.normal(0, 200 * scale, 1000)]).astype(np.float32)
    data = unary_model("QUANTIZE", values.shape, ("FLOAT32", None, 0), (target, scale, zero_point))
    assert_equals_reference(data, values)


@SETTINGS
@given(source=st.sampled_from(["INT8", "UINT8"]), scale=scales, zero_point=st.integers(0, 127))
def test_dequantize(source, scale, zero_point):
    codes = np.arange(256).astype(np.uint8).view(np.uint8 if source == "UINT8" else np.int8)
    data = unary_model("DEQUANTIZE", codes.shape, (source, scale, zero_point), ("FLOAT32", None, 0))
    assert_equals_reference(data, codes)


def test_operators_follow_one_another_and_reshape_keeps_frames():
    operators = [{"op": "RESHAPE", "shape": [3, 2]}, {"op": "DEQUANTIZE", "scale": 0.5, "zero_point": 1}]
    frames = np.arange(24, dtype=np.int8).reshape(4, 6)
    result = host_ops.apply(operators, frames)
    np.testing.assert_array_equal(result, (np.arange(24).reshape(4, 3, 2) - 1) * np.float32(0.5))
    np.testing.assert_array_equal(host_ops.apply(operators, frames[1]), result[1:2])


def test_unknown_operator():
    with pytest.raises(ValueError, match="expected QUANTIZE, DEQUANTIZE, SOFTMAX or RESHAPE, got 'TANH'"):
        host_ops.apply([{"op": "TANH"}], np.zeros((1, 2), np.int8))
