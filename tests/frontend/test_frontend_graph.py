"""What the reader makes of operators around the device's layers: views, host operators, names, thresholds."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from single_layers import SAME, conv_model, dense_model
from tflite_writer import ModelWriter

from stillframe.contract import StillframeError
from stillframe.frontend import Conv, Graph, read_tflite, thresholds_for
from stillframe.golden import GoldenModel, ReferenceModel

RNG = np.random.default_rng(5)


def read(data: bytes) -> Graph:
    return read_tflite(data, "m", "m.tflite")


def assert_equals_reference(graph: Graph) -> None:
    frames = RNG.integers(-128, 128, (6, *graph.tensors[0].shape)).astype(np.int8)
    expected, _ = ReferenceModel(graph).run(frames)
    outputs = GoldenModel(graph).run(frames).outputs
    assert list(outputs) == list(expected)
    for name, values in expected.items():
        assert outputs[name].dtype == values.dtype
        np.testing.assert_array_equal(outputs[name], values)


def conv_between(
    w: ModelWriter,
    x: int,
    channels: int,
    out_channels: int,
    size: tuple[int, int],
    name: str,
    scale: float = 0.1,
) -> int:
    """Append a 1 x 1 convolution; returns its output."""
    weights = RNG.integers(-127, 128, (out_channels, 1, 1, channels))
    k = w.tensor(f"net/{name}/kernel", weights.shape, "INT8", 0.01, data=weights)
    b = w.tensor(f"net/{name}/bias", (out_channels,), "INT32", 0.001, data=np.arange(out_channels))
    y = w.tensor(f"net/{name}/out", (1, *size, out_channels), "INT8", scale, 4)
    w.operator("CONV_2D", [x, k, b], [y], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    return y


def test_a_convolution_in_numbers():
    weights = RNG.integers(-127, 128, (2, 3, 2, 3))
    graph = read(conv_model((5, 8, 3), weights, [7, -9], (2, 1), SAME, "RELU", scales=[0.01, 0.04]))
    (node,) = graph.nodes
    assert isinstance(node, Conv)
    assert (node.name, node.op, node.inputs, node.output) == ("conv", "CONV_2D", (0,), 1)
    np.testing.assert_array_equal(node.weights, weights.transpose(1, 2, 3, 0))
    assert node.bias.tolist() == [7, -9]
    assert (node.strides, node.padding) == ((2, 1), ((1, 1), (0, 1)))
    assert node.real_multiplier is None
    real = node.multiplier / 2.0**31 * 2.0**node.shift
    np.testing.assert_allclose(real, [0.005, 0.02], rtol=1e-6)
    assert (node.act_min, node.act_max) == (5, 127)
    assert [t.shape for t in graph.tensors] == [(5, 8, 3), (3, 8, 2)]
    assert graph.outputs[0].name == "net/conv/out"


def test_a_missing_bias_is_zeros():
    (node,) = read(conv_model((5, 8, 3), np.ones((2, 1, 1, 3)))).nodes
    assert isinstance(node, Conv)
    assert node.bias.dtype == np.int32
    assert node.bias.tolist() == [0, 0]


def test_dense_weights_follow_the_map_in_row_major_order():
    graph = read(dense_model((2, 3, 4), np.arange(48).reshape(2, 24)))
    (node,) = graph.nodes
    assert isinstance(node, Conv)
    assert node.weights.shape == (2, 3, 4, 2)
    assert node.weights[1, 2, 3].tolist() == [23, 47]
    assert node.weights[0, 1, 2].tolist() == [6, 30]
    assert [t.shape for t in graph.tensors] == [(2, 3, 4), (2,)]


@pytest.mark.parametrize("dtype", ["UINT8", "FLOAT32"])
def test_quantize_before_the_first_layer_runs_on_the_host(dtype):
    w = ModelWriter()
    scale, zero_point = {"UINT8": (0.1, 130), "FLOAT32": (None, 0)}[dtype]
    x = w.tensor("image", (1, 3, 4, 2), dtype, scale, zero_point)
    q = w.tensor("net/q/out", (1, 3, 4, 2), "INT8", 0.1, 2)
    w.operator("QUANTIZE", [x], [q])
    y = conv_between(w, q, 2, 5, (3, 4), "conv")
    graph = read(w.finish([x], [y]))
    assert [o["op"] for o in graph.input.host_ops] == ["QUANTIZE"]
    assert (graph.input.name, graph.input.tensor) == ("image", 0)
    assert (graph.tensors[0].shape, graph.tensors[0].zero_point) == ((3, 4, 2), 2)
    assert_equals_reference(graph)


def test_quantize_of_codes_runs_on_the_device():
    """Two readers of the input, one of them behind a requantisation, and one at the end."""
    w = ModelWriter()
    x = w.tensor("image", (1, 3, 4, 2), "INT8", 0.1, 2)
    q = w.tensor("net/q/out", (1, 3, 4, 2), "INT8", 0.07, -5)
    w.operator("QUANTIZE", [x], [q])
    first, second = conv_between(w, q, 2, 5, (3, 4), "a"), conv_between(w, x, 2, 5, (3, 4), "b")
    end = w.tensor("net/end/out", (1, 3, 4, 5), "INT8", 0.3, 1)
    w.operator("QUANTIZE", [second], [end])
    graph = read(w.finish([x], [first, end]))
    assert graph.input.host_ops == ()
    assert [node.op for node in graph.nodes] == ["QUANTIZE", "CONV_2D", "CONV_2D", "QUANTIZE"]
    assert [o.host_ops for o in graph.outputs] == [(), ()]
    assert_equals_reference(graph)


def test_a_map_of_one_pixel_is_its_features():
    """What a mean gives, with or without dimensions of 1, is read as either by any operator."""
    w = ModelWriter()
    x = w.tensor("image", (1, 3, 4, 2), "INT8", 0.1, 2)
    y = conv_between(w, x, 2, 6, (3, 4), "conv")
    axes = w.tensor("net/mean/axes", (2,), "INT32", data=[1, 2])
    m = w.tensor("net/mean/out", (1, 6), "INT8", 0.05, 4)
    w.operator("MEAN", [y, axes], [m], "ReducerOptions", KeepDims=False)
    e = w.tensor("net/e/out", (1, 1, 1, 6), "INT8", 0.05, 4)
    axis = w.tensor("net/e/axis", (), "INT32", data=1)
    w.operator("EXPAND_DIMS", [m, axis], [e], "ExpandDimsOptions")
    f = w.tensor("net/f/out", (1, 1, 1, 6), "INT8", 0.05, 4)
    to = w.tensor("net/f/shape", (4,), "INT32", data=[1, 1, 1, 6])
    w.operator("RESHAPE", [e, to], [f], "ReshapeOptions", NewShape=[1, 1, 1, 6])
    c = conv_between(w, f, 6, 5, (1, 1), "second")
    s = w.tensor("net/s/out", (1, 5), "INT8", 0.1, 4)
    w.operator("SQUEEZE", [c], [s], "SqueezeOptions", SqueezeDims=[1, 2])
    graph = read(w.finish([x], [s]))
    assert [node.op for node in graph.nodes] == ["CONV_2D", "MEAN", "CONV_2D"]
    assert graph.outputs[0].shape == (5,)
    assert_equals_reference(graph)


def test_the_input_may_be_reshaped_into_a_map():
    w = ModelWriter()
    x = w.tensor("image", (1, 24), "INT8", 0.1, 2)
    q = w.tensor("net/r/out", (1, 3, 4, 2), "INT8", 0.1, 2)
    to = w.tensor("net/r/shape", (4,), "INT32", data=[1, 3, 4, 2])
    w.operator("RESHAPE", [x, to], [q], "ReshapeOptions", NewShape=[1, 3, 4, 2])
    graph = read(w.finish([x], [conv_between(w, q, 2, 5, (3, 4), "conv")]))
    assert graph.input.host_ops == ({"op": "RESHAPE", "shape": [3, 4, 2]},)
    assert graph.tensors[0].shape == (3, 4, 2)
    assert_equals_reference(graph)


def test_host_operators_behind_outputs():
    """Logits, their softmax as floats over another shape, and a requantised copy, all of one convolution."""
    w = ModelWriter()
    x = w.tensor("image", (1, 3, 4, 2), "INT8", 0.1, 2)
    y = conv_between(w, x, 2, 6, (3, 4), "conv")
    r = w.tensor("net/r/out", (1, 24, 3), "INT8", 0.1, 4)
    to = w.tensor("net/r/shape", (3,), "INT32", data=[1, 24, 3])
    w.operator("RESHAPE", [y, to], [r], "ReshapeOptions", NewShape=[1, 24, 3])
    s = w.tensor("net/s/out", (1, 24, 3), "INT8", 1 / 256, -128)
    w.operator("SOFTMAX", [r], [s], "SoftmaxOptions", Beta=1.0)
    f = w.tensor("net/f/out", (1, 24, 3), "FLOAT32")
    w.operator("DEQUANTIZE", [s], [f])
    q = w.tensor("net/q/out", (1, 3, 4, 6), "UINT8", 0.3, 77)
    w.operator("QUANTIZE", [y], [q])
    graph = read(w.finish([x], [q, f, y], {"logits": y, "chances": f, "copy": q}))
    assert [o.name for o in graph.outputs] == ["copy", "chances", "logits"]
    assert [[p["op"] for p in o.host_ops] for o in graph.outputs] == [
        ["QUANTIZE"],
        ["RESHAPE", "SOFTMAX", "DEQUANTIZE"],
        [],
    ]
    assert [o.shape for o in graph.outputs] == [(3, 4, 6), (24, 3), (3, 4, 6)]
    assert [o.tensor for o in graph.outputs] == [1, 1, 1]
    assert [(o.scale, o.zero_point) for o in graph.outputs[:2]] == [(float(np.float32(0.3)), 77), (1.0, 0)]
    assert_equals_reference(graph)


def test_a_reshape_at_the_output_is_a_shape_only():
    w = ModelWriter()
    x = w.tensor("image", (1, 3, 4, 2), "INT8", 0.1, 2)
    y = conv_between(w, x, 2, 6, (3, 4), "conv")
    r = w.tensor("net/r/out", (1, 9, 8), "INT8", 0.1, 4)
    to = w.tensor("net/r/shape", (3,), "INT32", data=[1, 9, 8])
    w.operator("RESHAPE", [y, to], [r], "ReshapeOptions", NewShape=[1, 9, 8])
    graph = read(w.finish([x], [r]))
    assert graph.outputs[0].host_ops == ()
    assert graph.outputs[0].shape == (9, 8)
    assert_equals_reference(graph)


def test_elementwise_layers_see_through_a_reshape():
    w = ModelWriter()
    x = w.tensor("image", (1, 3, 4, 2), "INT8", 0.1, 2)
    y = conv_between(w, x, 2, 6, (3, 4), "conv")
    r = w.tensor("net/r/out", (1, 72), "INT8", 0.1, 4)
    to = w.tensor("net/r/shape", (2,), "INT32", data=[1, 72])
    w.operator("RESHAPE", [y, to], [r], "ReshapeOptions", NewShape=[1, 72])
    a = w.tensor("net/a/out", (1, 72), "INT8", 0.05, -100)
    w.operator("RELU", [r], [a])
    weights = RNG.integers(-127, 128, (3, 72))
    k = w.tensor("net/d/kernel", weights.shape, "INT8", 0.01, data=weights)
    d = w.tensor("net/d/out", (1, 3), "INT8", 0.9, 0)
    w.operator("FULLY_CONNECTED", [a, k], [d], "FullyConnectedOptions")
    graph = read(w.finish([x], [d]))
    assert [t.shape for t in graph.tensors] == [(3, 4, 2), (3, 4, 6), (3, 4, 6), (3,)]
    assert_equals_reference(graph)


def names_of_outputs(names: list[str], signature: dict[str, int] | None = None) -> list[str]:
    w = ModelWriter()
    x = w.tensor("image", (1, 1, 1, 1), "INT8", 0.1, 2)
    outs = []
    for name in names:
        k = w.tensor("net/same/kernel", (1, 1, 1, 1), "INT8", 0.1, data=[1])
        outs.append(w.tensor(name, (1, 1, 1, 1), "INT8", 0.1, 0))
        w.operator("CONV_2D", [x, k], outs[-1:], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    graph = read(
        w.finish([x], outs, None if signature is None else {k: outs[v] for k, v in signature.items()})
    )
    assert [n.name for n in graph.nodes] == ["same", "same_2", "same_3"][: len(names)]
    return [o.name for o in graph.outputs]


def test_names_are_unique_and_those_of_the_signature():
    assert names_of_outputs(["a", "b", "a"]) == ["a", "b", "a_2"]
    assert names_of_outputs(["a", "b"], {"second": 1, "first": 0}) == ["first", "second"]
    assert names_of_outputs(["a", "b"], {"a": 1}) == ["a", "a_2"]


def test_thresholds_apply_to_what_a_mac_layer_reads_and_is_no_output():
    w = ModelWriter()
    x = w.tensor("image", (1, 2, 2, 1), "INT8", 0.1, 2)
    a = conv_between(w, x, 1, 2, (2, 2), "a")
    r = w.tensor("net/r/out", (1, 2, 2, 2), "INT8", 0.1, -4)
    w.operator("RELU", [a], [r])
    b = conv_between(w, r, 2, 2, (2, 2), "b")
    c = conv_between(w, b, 2, 2, (2, 2), "c")
    graph = read(w.finish([x], [b, c]))
    assert thresholds_for(graph, 3) == {0: 3, 1: 0, 2: 3, 3: 0, 4: 0}
    assert set(thresholds_for(graph, 0).values()) == {0}
    for wrong in (-1, 256):
        with pytest.raises(StillframeError) as error:
            thresholds_for(graph, wrong)
        assert str(error.value) == (
            f"threshold: expected 0 to 255 codes, got {wrong}\n"
            "  -> 0 is lossless; 1 to 8 trade accuracy for fewer events"
        )


def test_importing_the_packages_loads_neither_tensorflow_nor_the_schema():
    program = (
        "import sys, stillframe.frontend, stillframe.golden\n"
        "loaded = {'tensorflow', 'keras', 'tflite'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
