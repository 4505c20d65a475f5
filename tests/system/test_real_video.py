"""P-Net on carphone and bikes: every output of every frame equal to the Keras golden model's, and the counts
exact.

``make verify`` runs all combinations on 60 frames and 2000 frames on end (the tests marked ``full``);
``make test`` those that differ most, on fewer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pnet_video import Pnet

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, Op
from stillframe.driver import Device, Session
from stillframe.golden import ReferenceModel

Open = Callable[[str], Device]
FRAMES, SOME_FRAMES = 60, 20

CLIPS, ARRAYS = ("carphone", "bikes"), ("1x16", "2x8@virtual")
THRESHOLDS, MODES = (0, 2, 8), ("delta", "direct", "dense")
ALL = [(c, a, t, m) for c in CLIPS for a in ARRAYS for t in THRESHOLDS for m in MODES]
SOME = [(c, "1x16", t, "delta") for c in CLIPS for t in THRESHOLDS] + [
    ("carphone", "2x8@virtual", 2, "delta"),
    ("bikes", "2x8@virtual", 0, "direct"),
    ("bikes", "1x16", 8, "direct"),
    ("carphone", "2x8@virtual", 8, "dense"),
]


def run(
    pnet: Pnet, device: Device, array: str, mode: str, threshold: int, clip: str, frames: int
) -> np.ndarray:
    """Run and compare; gives all counters, (frames, layers, 3): cycles, MACs issued, MACs skipped."""
    program = compile_graph(pnet.graph, ArrayConfig.parse(array), mode=mode, threshold=threshold)
    session = Session(device, program)
    codes, golden = pnet.codes(clip, frames), pnet.golden(clip, frames, threshold)
    counters = []
    for number, frame in enumerate(codes):
        result = session.run(frame)
        assert result.key == (number == 0)
        for name, expected in golden.outputs.items():
            differ = np.argwhere(result.outputs[name] != expected[number])
            assert not differ.size, f"frame {number}, {name}: {len(differ)} values differ, first {differ[0]}"
        pairs = list(zip(result.layers, program.layers, strict=True))
        issued = [counted.macs_issued for counted, spec in pairs if spec.macs_dense]
        expected_macs = [getattr(m, mode) for m in golden.macs.values()]
        wanted = [int(m if mode == "dense" else m[number]) for m in expected_macs]
        if number or mode != "delta":
            assert issued == wanted, f"frame {number}: MACs issued"
        for counted, spec in pairs:
            assert counted.macs_issued + counted.macs_skipped == spec.macs_dense
        assert result.cycles == sum(c.cycles for c in result.layers)
        counters.append([(c.cycles, c.macs_issued, c.macs_skipped) for c in result.layers])
    return np.array(counters)


@pytest.mark.parametrize(
    ("clip", "array", "threshold", "mode", "frames"),
    [(*case, SOME_FRAMES) for case in SOME]
    + [pytest.param(*case, FRAMES, marks=pytest.mark.full) for case in ALL],
)
def test_outputs_and_counts(
    clip: str, array: str, threshold: int, mode: str, frames: int, pnet: Pnet, device: Open
) -> None:
    counters = run(pnet, device(array), array, mode, threshold, clip, frames)
    lanes = ArrayConfig.parse(array).total_lanes
    cycles, issued = counters[1:, :, 0].sum(), counters[1:, :, 1].sum()
    if clip == "carphone" and threshold == 0:
        assert issued / lanes / cycles >= 0.6  # lane utilisation


@pytest.mark.parametrize("clip", CLIPS)
def test_golden_model_is_tflite(clip: str, pnet: Pnet) -> None:
    """At threshold 0, frame by frame, whatever came before."""
    expected, _ = ReferenceModel(pnet.graph).run(pnet.codes(clip, FRAMES))
    outputs = pnet.golden(clip, FRAMES, 0).outputs
    assert outputs.keys() == expected.keys()
    for name, values in expected.items():
        assert (outputs[name] == values).all()


def test_cycles_are_exact(pnet: Pnet, device: Open) -> None:
    """The hardware's counters on these frames: a change here is a change of the hardware."""
    counters = run(pnet, device("1x16"), "1x16", "dense", 0, "carphone", 2)
    assert counters[:, :, 0].sum(axis=1).tolist() == [303_948, 303_948]


@pytest.mark.parametrize("mode", ["delta", "auto"])
def test_a_still_frame_costs_next_to_nothing(mode: str, pnet: Pnet, device: Open) -> None:
    program = compile_graph(pnet.graph, ArrayConfig.parse("1x16"), mode=mode)
    session = Session(device("1x16"), program)
    frame = pnet.codes("carphone", FRAMES)[7]
    session.run(frame)
    still = session.run(frame)
    assert not still.key
    assert sum(layer.macs_issued for layer in still.layers) == 0
    assert all(
        layer.cycles < 50
        for layer, spec in zip(still.layers, program.layers, strict=True)
        if spec.fields["op"] != Op.INPUT
    )
    assert still.cycles < 300


@pytest.mark.parametrize(
    ("size", "frames"), [("small_pnet", 600), pytest.param("pnet", 2000, marks=pytest.mark.full)]
)
def test_long_runs_do_not_drift(size: str, frames: int, request: pytest.FixtureRequest, device: Open) -> None:
    """Both clips in turn, over and over, so with cuts, without a key frame in between."""
    pnet: Pnet = request.getfixturevalue(size)
    codes = {clip: pnet.codes(clip, 100) for clip in CLIPS}
    expected = {clip: pnet.golden(clip, 100, 0).outputs for clip in CLIPS}
    session = Session(device("1x16"), compile_graph(pnet.graph, ArrayConfig.parse("1x16"), mode="delta"))
    for number in range(frames):
        clip, frame = CLIPS[number // 100 % 2], number % 100
        result = session.run(codes[clip][frame])
        assert result.key == (number == 0)
        for name, values in expected[clip].items():
            assert (result.outputs[name] == values[frame]).all(), f"frame {number}"
