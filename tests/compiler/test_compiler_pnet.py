"""P-Net at 60 x 48, executed by the interpreter, against TFLite's kernels and the golden model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from interpreter import Interpreter

from stillframe.compiler import compile_graph, profile_graph
from stillframe.compiler.summary import memory_use
from stillframe.contract import ArrayConfig, Mode, Program
from stillframe.examples import clip_path, find_example
from stillframe.frontend import Graph, from_keras
from stillframe.frontend.graph import Int8
from stillframe.golden import GoldenModel, ReferenceModel
from stillframe.video import code_table, fit, open_clip

ARRAY = ArrayConfig.parse("1x16@85F")


@dataclass(frozen=True)
class PNet:
    """The network as a graph, and consecutive frames of a clip as its input codes (frames, 48, 60, 3)."""

    graph: Graph
    codes: Int8


@pytest.fixture(scope="module")
def pnet() -> PNet:
    example = find_example("pnet")
    assert example is not None
    pixels = np.stack([fit(frame, 48, 60, 3) for frame in open_clip(str(clip_path("carphone")), frames=48)])
    graph = from_keras(example.build(), example.value_range.values(pixels[::8]), name="pnet")
    tensor = graph.tensors[graph.input.tensor]
    return PNet(graph, code_table(example.value_range, tensor.scale, tensor.zero_point)[pixels[:10]])


@pytest.fixture(scope="module")
def by_tflite(pnet: PNet) -> dict[str, Int8]:
    """Every tensor of every frame by TFLite's reference kernels, by name."""
    _, tensors = ReferenceModel(pnet.graph, tensors=True).run(pnet.codes)
    return {pnet.graph.tensors[index].name: codes for index, codes in tensors.items()}


def compare(program: Program, codes: Int8, expected: dict[str, Int8]) -> list[int]:
    """Check every device tensor; the MACs issued in each frame."""
    interpreter = Interpreter(program)
    issued = []
    for frame, pixels in enumerate(codes):
        traces = interpreter.run(pixels, key=frame == 0)
        issued.append(sum(trace.macs_issued for trace in traces))
        for index, tensor in enumerate(program.tensors):
            np.testing.assert_array_equal(
                interpreter.output(index), expected[tensor.name][frame], f"frame {frame}, {tensor.name}"
            )
    return issued


@pytest.mark.parametrize("array", ["1x16@85F", "2x8@virtual", "4x16@virtual", "8x16@virtual", "1x4@virtual"])
@pytest.mark.parametrize("mode", ["auto", "delta", "direct", "dense"])
def test_equals_tflite(pnet: PNet, by_tflite: dict[str, Int8], array: str, mode: str) -> None:
    program = compile_graph(pnet.graph, ArrayConfig.parse(array), mode=mode)
    issued = compare(program, pnet.codes, by_tflite)
    dense = sum(layer.macs_dense for layer in program.layers)
    if mode == "dense":
        assert issued == [dense] * len(pnet.codes)
    else:
        assert all(0 < count < dense for count in issued[1:])


@pytest.mark.parametrize("threshold", [2, 8])
def test_equals_golden_at_thresholds(pnet: PNet, threshold: int) -> None:
    trace = GoldenModel(pnet.graph, thresholds=threshold).run(pnet.codes)
    golden = {pnet.graph.tensors[index].name: codes for index, codes in trace.tensors.items()}
    for mode in ("delta", "direct"):
        program = compile_graph(pnet.graph, ARRAY, mode=mode, threshold=threshold)
        issued = compare(program, pnet.codes, golden)
        counts = [getattr(counts, mode) for counts in trace.macs.values()]
        assert issued == np.sum(counts, axis=0).tolist()


def test_fits_in_delta_mode(pnet: PNet) -> None:
    program = compile_graph(pnet.graph, ARRAY, mode="delta")
    assert [layer.op for layer in program.layers] == [
        "INPUT",
        "CONV_2D + PRELU",
        "MAX_POOL_2D",
        "CONV_2D + PRELU",
        "CONV_2D + PRELU",
        "CONV_2D",
        "CONV_2D",
    ]
    assert {tensor.mode for tensor in program.tensors} == {Mode.DELTA}
    assert {output.name for output in program.outputs} == {"boxes", "faces"}
    assert all(use.fits for use in memory_use(program))
    # All five convolutions' state: 46 x 58 pixels of 3 words, 21 x 27 of 4, 19 x 25 of 8, 1 and 1.
    assert {use.name: use.used for use in memory_use(program)}["STATE"] == 15022


def test_planned_by_profile(pnet: PNet) -> None:
    profile = profile_graph(pnet.graph, pnet.codes)
    assert profile.tensors.keys() == {tensor.name for tensor in pnet.graph.tensors}
    sample = pnet.graph.tensors[pnet.graph.input.tensor]
    changed = pnet.codes[1:] != pnet.codes[:-1]
    activity = profile.tensors[sample.name]
    np.testing.assert_array_equal(activity.changed, changed)
    np.testing.assert_array_equal(activity.non_zero, pnet.codes[1:] != sample.zero_point)
    np.testing.assert_array_equal(profile.arriving, changed.any(axis=-1))
    planned = compile_graph(pnet.graph, ARRAY, profile=profile)
    # On this clip fewer elements change than are off the zero point, in every tensor.
    assert {tensor.mode for tensor in planned.tensors} == {Mode.DELTA}
