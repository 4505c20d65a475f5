"""Random graphs, compiled and executed by the interpreter, against a plain computation of the graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graph_reference import GraphReference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_check import KEYS, check
from random_graphs import arrays, clip, graphs, roomy
from small_graphs import Layer, chain

from stillframe.compiler import Density, compile_graph, draw_profile
from stillframe.contract import ArrayConfig, Memory, Mode
from stillframe.frontend import Conv, Graph, MaxPool, thresholds_for
from stillframe.golden import GoldenModel


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=graphs(), threshold=st.sampled_from([0, 5]), seed=st.integers(0, 1000))
def test_plain_computation_is_the_golden_models(graph: Graph, threshold: int, seed: int) -> None:
    """The two references that share no code agree."""
    thresholds = thresholds_for(graph, threshold)
    codes = clip(graph, seed, frames=8)
    golden = GoldenModel(graph, thresholds).run(codes, KEYS).tensors
    reference = GraphReference(graph, thresholds)
    for frame, pixels in enumerate(codes):
        for index, values in reference.run(pixels, frame in KEYS).items():
            np.testing.assert_array_equal(values, golden[index][frame], f"frame {frame}, tensor {index}")


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    graph=graphs(),
    config=arrays(),
    mode=st.sampled_from(["auto", "delta", "direct", "dense"]),
    threshold=st.sampled_from([0, 0, 1, 8, 255]),
    seed=st.integers(0, 1000),
)
def test_program_computes_the_graph(
    graph: Graph, config: ArrayConfig, mode: str, threshold: int, seed: int
) -> None:
    check(graph, compile_graph(graph, config, mode=mode, threshold=threshold), threshold, seed)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    graph=graphs(),
    direct=st.sets(st.integers(0, 6)),
    threshold=st.sampled_from([0, 3]),
    seed=st.integers(0, 1000),
)
def test_mixed_modes_compute_the_graph(graph: Graph, direct: set[int], threshold: int, seed: int) -> None:
    """A profile that makes direct cheap for some tensors mixes delta and direct in one program."""
    densities = {
        tensor.name: Density(changed=0.9, non_zero=0.0) if index in direct else Density(0.1, 0.9)
        for index, tensor in enumerate(graph.tensors)
    }
    profile = draw_profile(graph, densities)
    config = roomy(ArrayConfig.parse("1x8@85F"))
    check(graph, compile_graph(graph, config, threshold=threshold, profile=profile), threshold, seed)


def test_delta_in_direct_out() -> None:
    """A layer fed with changes whose output is direct: outputs that it need not touch are events too."""
    graph = chain((6, 6, 2), Layer(Conv, (1, 1), 5, shift=-1), Layer(Conv, (1, 1), 3, shift=-1))
    pins = {"conv1": "delta", "conv2": "direct"}
    program = compile_graph(graph, ArrayConfig.parse("1x4@85F"), pins=pins)
    assert [tensor.mode for tensor in program.tensors] == [Mode.DELTA, Mode.DIRECT, Mode.DELTA]
    check(graph, program, 0, 0)


def test_check_can_fail() -> None:
    """One flipped bit of a weight is found: the comparison above means something."""
    graph = chain((6, 6, 2), Layer(Conv, (3, 3), 5), Layer(MaxPool, (2, 2)), Layer(Conv, (2, 2), 3))
    program = compile_graph(graph, ArrayConfig.parse("1x4@85F"))
    check(graph, program, 0, 0)
    segments = list(program.segments)
    place = next(i for i, segment in enumerate(segments) if segment.memory is Memory.WEIGHTS)
    words = segments[place].words.copy()
    words[0] ^= 0x40
    segments[place] = replace(segments[place], words=words)
    with pytest.raises(AssertionError, match="frame 0, tensor tensor1"):
        check(graph, replace(program, segments=tuple(segments)), 0, 0)
