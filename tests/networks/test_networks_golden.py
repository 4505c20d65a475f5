"""Networks that people deploy, on real frames: every tensor of the golden model is TFLite's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from real_network import RealNetwork

from stillframe.golden import ReferenceModel

OPERATORS = {
    "mobilenet_v1": {"CONV_2D": 15, "DEPTHWISE_CONV_2D": 13, "MEAN": 1},
    "mobilenet_v2": {"CONV_2D": 35, "DEPTHWISE_CONV_2D": 17, "ADD": 10, "MEAN": 1, "FULLY_CONNECTED": 1},
    "ds_cnn": {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 4, "AVERAGE_POOL_2D": 1, "FULLY_CONNECTED": 1},
    "small_xception": {
        "CONV_2D": 11,
        "DEPTHWISE_CONV_2D": 7,
        "MAX_POOL_2D": 3,
        "ADD": 3,
        "RELU": 2,
        "MEAN": 1,
        "FULLY_CONNECTED": 1,
    },
    "tiny_unet": {
        "CONV_2D": 6,
        "LEAKY_RELU": 5,
        "MAX_POOL_2D": 2,
        "RESIZE_NEAREST_NEIGHBOR": 2,
        "CONCATENATION": 2,
        "LOGISTIC": 1,
    },
    "person_stem": {"DEPTHWISE_CONV_2D": 4, "CONV_2D": 4, "AVERAGE_POOL_2D": 1},
    "two_heads": {
        "CONV_2D": 8,
        "DEPTHWISE_CONV_2D": 1,
        "ADD": 1,
        "LOGISTIC": 2,
        "MEAN": 1,
        "FULLY_CONNECTED": 1,
    },
}
"""What the converter makes of each network, for the device."""

FRAMES = 12


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str, network: Callable[[str], RealNetwork]) -> None:
    """The networks are what they are meant to be."""
    found = [node.op for node in network(name).graph.nodes]
    assert {op: found.count(op) for op in found} == OPERATORS[name]


@pytest.mark.parametrize("clip", ["carphone", "bikes"])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_tensor_is_tflite_s(name: str, clip: str, network: Callable[[str], RealNetwork]) -> None:
    """In all modes, at threshold 0, frame by frame, whatever came before."""
    chosen, count = network(name), FRAMES
    codes, trace = chosen.codes(clip, count), chosen.golden(clip, count, 0)
    outputs, tensors = ReferenceModel(chosen.graph, tensors=True).run(codes)
    assert len(tensors) == len(chosen.graph.tensors)
    for index, values in tensors.items():
        np.testing.assert_array_equal(trace.tensors[index], values, chosen.graph.tensors[index].name)
    assert outputs.keys() == trace.outputs.keys()
    for output, values in outputs.items():
        np.testing.assert_array_equal(trace.outputs[output], values, output)


@pytest.mark.parametrize("name", OPERATORS)
def test_activations_are_alive(name: str, network: Callable[[str], RealNetwork]) -> None:
    """A comparison of tensors that hold one value, or clip, would say little."""
    chosen = network(name)
    trace = chosen.golden("carphone", FRAMES, 0)
    for index, tensor in enumerate(chosen.graph.tensors):
        codes = trace.tensors[index][0]
        values, counts = np.unique(codes, return_counts=True)
        if codes.size >= 64:
            assert len(values) >= 16, tensor.name
            assert counts.max() <= 0.75 * codes.size, tensor.name
