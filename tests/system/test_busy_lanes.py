"""How busy the lanes are, from the hardware's counters: 64 of them, 4x16 with 4 requantisers a bank.

Utilisation is the *bound*, multiplications by values that are not zero / all lanes, over the cycles of the
whole frame, everything included; key frames are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from single_layers import SAME, conv_model

from stillframe.bench.convolutions import convolution
from stillframe.bench.convolutions import frames as changing_frames
from stillframe.compiler import compile_graph, profile_graph
from stillframe.contract import ArrayConfig, StillframeError
from stillframe.driver import Device, FrameResult, Session
from stillframe.examples import clip_path
from stillframe.frontend import Graph, read_tflite
from stillframe.video import ValueRange, code_table, fit, open_clip

RESNET8 = Path(__file__).parents[2] / ".." / "shared" / "models" / "resnet8_int8.tflite"
ARRAY = "4x16@virtual"
LANES = 64
FRAMES = 20

with_resnet8 = pytest.mark.skipif(not RESNET8.is_file(), reason="the model is not part of this repository")


@cache
def resnet8() -> Graph:
    return read_tflite(RESNET8.read_bytes(), "resnet8", "resnet8_int8.tflite")


def codes(clip: str, count: int) -> npt.NDArray[np.int8]:
    """ResNet8's input codes of a clip's first frames."""
    try:
        clip_path(clip)
    except StillframeError as error:
        pytest.skip(f"{clip} is not here: {error.hint}")
    tensor = resnet8().tensors[0]
    table = code_table(ValueRange(0, 255), tensor.scale, tensor.zero_point)
    return np.stack([table[fit(frame, *tensor.shape)] for frame in islice(open_clip(clip), count)])


def run(
    device: Device, graph: Graph, frames: npt.NDArray[np.int8], mode: str = "auto"
) -> tuple[list[FrameResult], int]:
    """Answers, and the multiplications of a dense frame."""
    profile = profile_graph(graph, frames[:16]) if mode == "auto" else None
    program = compile_graph(graph, ArrayConfig.parse(ARRAY), mode=mode, profile=profile)
    session = Session(device, program)
    return [session.run(frame) for frame in frames], sum(layer.macs_dense for layer in program.layers)


def utilisation(results: Sequence[FrameResult]) -> float:
    """Of all frames but the first."""
    macs = sum(layer.macs_issued for result in results[1:] for layer in result.layers)
    return macs / LANES / sum(result.cycles for result in results[1:])


@with_resnet8
@pytest.mark.parametrize(("clip", "least"), [("vtest", 0.88), ("carphone", 0.9), ("bikes", 0.9)])
def test_resnet8(clip: str, least: float, device: Callable[[str], Device]) -> None:
    frames = codes(clip, FRAMES)
    results, dense = run(device(ARRAY), resnet8(), np.concatenate([frames, frames[-1:]]))
    assert utilisation(results[:-1]) >= least
    assert results[-1].cycles <= 0.005 * dense / LANES  # a frame equal to the one before


@with_resnet8
def test_resnet8_when_everything_changes(device: Callable[[str], Device]) -> None:
    results, dense = run(device(ARRAY), resnet8(), codes("carphone", 2), "dense")
    assert sum(layer.macs_issued for layer in results[0].layers) == dense
    assert results[0].cycles <= 1.05 * dense / LANES


# Of 16 channels at 2 % a pixel takes 0.7 cycles of the array, and a cycle of the drain, which takes one pixel
# after the other, changed or not.
LEAST = {0.02: 0.7, 0.05: 0.7, 0.1: 0.85, 0.2: 0.85, 0.4: 0.95, 0.8: 0.95, 1.0: 0.95}
LIMITED = {(16, 0.02): 0.52}


@pytest.mark.parametrize("channels", [16, 32, 64])
def test_a_convolution_at_all_densities(channels: int, device: Callable[[str], Device]) -> None:
    """The layer's own cycles: how fast frames come over the link is another matter. Of each density's three
    frames the first, which all densities begin with, does not count: so one key frame does for all."""
    graph = convolution(channels, 32)
    frames = [changing_frames(graph, density, 3) for density in LEAST]
    results, _ = run(device(ARRAY), graph, np.concatenate(frames), "delta")
    found = {}
    for n, density in enumerate(LEAST):
        layers = [result.layers[1] for result in results[3 * n + 1 : 3 * n + 3]]
        found[density] = sum(x.macs_issued for x in layers) / LANES / sum(x.cycles for x in layers)
    for density, least in LEAST.items():
        assert found[density] >= LIMITED.get((channels, density), least), f"{density}: {found}"


@pytest.mark.parametrize(
    ("inputs", "outputs", "least", "cycles"),
    [
        (1, 16, 0.95, 2_310),
        (2, 16, 0.95, 4_518),
        (3, 16, 0.95, 6_728),
        (3, 32, 0.95, 13_360),
        (16, 8, 0.74, 23_443),
        (16, 3, 0.53, 12_387),
    ],
)
def test_few_channels(
    inputs: int, outputs: int, least: float, cycles: int, device: Callable[[str], Device]
) -> None:
    """Of few inputs all banks have some; few outputs leave lanes to kernel columns, 3 of them in 2 or 4."""
    weights = np.random.default_rng(0).integers(-127, 128, (outputs, 3, 3, inputs), np.int8)
    graph = read_tflite(conv_model((32, 32, inputs), weights, padding=SAME), "narrow", "narrow")
    results, _ = run(device(ARRAY), graph, changing_frames(graph, 1.0, 3), "delta")
    layers = [result.layers[1] for result in results[1:]]
    assert {layer.cycles for layer in layers} == {cycles}  # as hw/README has it
    assert sum(x.macs_issued for x in layers) / LANES / sum(x.cycles for x in layers) >= least
