"""One-layer models on the simulated device: hardware, golden model and TFLite's kernels have to agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from agreement import assert_agrees
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from scenes import hard_frames
from single_layers import ACTIVATIONS, SAME, VALID

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, StillframeError
from stillframe.driver import Device, Session
from stillframe.frontend import read_tflite
from stillframe.golden import ReferenceModel

Shape = tuple[int, int, int]
Pair = tuple[int, int]

SEARCH = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 20))
windows = st.tuples(st.integers(1, 7), st.integers(1, 7))
strides = st.tuples(st.integers(1, 4), st.integers(1, 4))
dilations = st.tuples(st.integers(1, 2), st.integers(1, 2))
paddings = st.sampled_from([SAME, VALID])
activations = st.sampled_from(sorted(ACTIVATIONS))
seeds = st.integers(0, 2**16)
spreads = st.sampled_from([2.0, 30.0, 90.0, 2000.0])
"""How far outputs spread over the codes: up to far outside."""

situations = st.tuples(
    # Words of 4, 8, 2, 16 and 4 elements; the last one's adder has 2 lanes.
    st.sampled_from(["1x16", "2x8@virtual", "1x16@25F", "4x16@virtual", "1x8@25F"]),
    st.sampled_from(["delta", "direct", "dense"]),
    st.sampled_from([0, 0, 1, 9]),
    seeds,
)


@st.composite
def quantisations(draw: st.DrawFn, low: float = 2.0**-10) -> tuple[float, int]:
    """(scale, zero point); now and then a power of two, which makes exact halves."""
    scale = draw(st.one_of(st.floats(low, 1, width=32), st.sampled_from([0.125, 0.25, 0.5])))
    return float(np.float32(scale)), draw(st.integers(-128, 127))


def target_scale(source: float, scales: list[float], taps: int, spread: float) -> float:
    """An output scale under which a layer's codes spread as wanted."""
    return float(np.float32(source * max(scales) * 74 * 60 * taps**0.5 / spread))


def fitting(shape: Shape, window: Pair, padding: int, dilation: Pair = (1, 1)) -> Shape:
    """The shape, made large enough for a VALID window."""
    if padding == SAME:
        return shape
    least = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    return max(shape[0], least[0]), max(shape[1], least[1]), shape[2]


def compare(
    data: bytes, device: Callable[[str], Device], array: str, mode: str, threshold: int, seed: int
) -> None:
    """Run hard frames on the device; all three have to agree (TFLite only knows threshold 0)."""
    graph = read_tflite(data, "layer", "layer")
    shape = graph.tensors[graph.input.tensor].shape
    frames = hard_frames(shape if len(shape) == 3 else (1, 1, *shape), seed)
    flat = frames.reshape(len(frames), *shape)
    try:
        program = compile_graph(graph, ArrayConfig.parse(array), mode=mode, threshold=threshold)
    except StillframeError as error:
        assume("take a larger part" not in str(error))
        raise
    results = assert_agrees(Session(device(array), program), graph, flat, threshold)
    if threshold == 0:
        for name, values in ReferenceModel(graph).run(flat)[0].items():
            np.testing.assert_array_equal([result.outputs[name] for result in results], values)
