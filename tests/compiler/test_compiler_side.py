"""Kernel columns side by side in the lanes of a bank: when, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from program_check import check
from random_graphs import roomy
from small_graphs import AROUND, Layer, chain
from test_compiler_layers import shaken

from stillframe.compiler import compile_graph
from stillframe.compiler.schedule import side_by_side
from stillframe.contract import ArrayConfig
from stillframe.contract.layer import LAYER_FIELDS
from stillframe.frontend import Conv
from stillframe.frontend.graph import DepthwiseConv

WIDE = ArrayConfig.parse("4x16")


@pytest.mark.parametrize(("outputs", "side"), [(1, 4), (4, 4), (5, 2), (8, 2), (9, 1), (16, 1), (40, 1)])
def test_as_many_columns_as_lanes_are_left_for(outputs: int, side: int) -> None:
    assert side_by_side(outputs, 9, 1, WIDE) == side
    assert side_by_side(outputs, 9, 1, ArrayConfig.parse("1x16")) == 1


@pytest.mark.parametrize(
    ("columns", "stride", "side"),
    [(1, 1, 1), (2, 1, 2), (3, 1, 4), (3, 2, 2), (3, 3, 1), (7, 2, 4), (9, 9, 1)],
)
def test_no_more_columns_than_an_event_has_taps(columns: int, stride: int, side: int) -> None:
    assert side_by_side(1, columns, stride, WIDE) == side


@pytest.mark.parametrize(("array", "taps", "side"), [("4x8", 2, 2), ("2x64@virtual", 16, 8)])
def test_no_more_columns_than_lane_groups_or_the_descriptor_can_say(array: str, taps: int, side: int) -> None:
    config = ArrayConfig.parse(array)
    assert (config.taps, side_by_side(1, 40, 1, config)) == (taps, side)
    assert side.bit_length() - 1 < 1 << LAYER_FIELDS["side_log2"].width


@pytest.mark.parametrize("mode", ["delta", "direct", "dense"])
@pytest.mark.parametrize("array", ["4x16", "2x8", "2x16", "4x8", "8x16@virtual", "2x64@virtual"])
@pytest.mark.parametrize("seed", range(8))
def test_program_computes_the_layer(seed: int, array: str, mode: str) -> None:
    random = np.random.default_rng(seed)
    config = roomy(ArrayConfig.parse(array))
    height, width, channels = random.integers((4, 5, 1), (7, 19, 21)).tolist()
    kernel = int(random.integers(1, 4)), int(random.integers(2, 6))
    strides, dilation = (1, 1), (1, 1)
    if seed % 3 == 0:
        strides = int(random.integers(1, 4)), 1 + seed // 3 % 2
        kernel = kernel[0], kernel[1] + 1
    elif seed % 3 == 1:
        dilation = 1, 1 + seed % 2
    outputs = int(random.integers(1, config.lanes // (2 if seed % 2 else 4) + 1))
    layer = Layer(Conv, kernel, outputs, strides, padding=((2, 1), (3, 4)), dilation=dilation)
    if seed == 5:
        layer = Layer(DepthwiseConv, (3, 3), 2, padding=AROUND)
        channels = 2
    graph = shaken(chain((height, width, channels), layer, zero_point=-7))
    threshold = seed % 4
    program = compile_graph(graph, config, mode=mode, threshold=threshold)
    assert program.layers[1].fields["side_log2"] or seed == 5
    check(graph, program, threshold, seed)
