"""One random network: converted, and held three ways, hardware, golden model and TFLite's kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from agreement import assert_agrees, device_codes, golden_results
from conversion import convert, frames_of
from description import Description

from stillframe.compiler import compile_graph, profile_graph
from stillframe.contract import ArrayConfig, Program, StillframeError
from stillframe.contract.host import Assignment
from stillframe.driver import Device, Session
from stillframe.frontend import Graph, read_tflite
from stillframe.frontend.graph import LINEAR
from stillframe.frontend.padding import window_input
from stillframe.golden import GoldenModel, ReferenceModel

Open = Callable[[str], Device]
Values = npt.NDArray[Any]

ARRAYS = ("1x16@virtual", "2x8@virtual")
MODES = ("delta", "direct", "dense", "auto")
THRESHOLDS = (1, 3, 9)

EASY = ("QUANTIZE", "DEQUANTIZE", "SOFTMAX", "RESHAPE")
"""Operators that the host applies even without an interpreter."""


class Refusal(Exception):  # noqa: N818 - no fault
    """Stillframe says that it cannot do a network, and why."""


@dataclass(frozen=True)
class Situation:
    """How a network is run: an array, a mode, a threshold, and a frame to be computed from scratch."""

    array: str
    mode: str
    threshold: int
    key: int


def situations(seed: int) -> list[Situation]:
    """Two, drawn from a seed: one lossless, one with a threshold."""
    rng = np.random.default_rng([seed, 1])
    return [
        Situation(
            str(rng.choice(ARRAYS)), str(rng.choice(MODES)), int(threshold), int(rng.choice([0, 0, 3, 5]))
        )
        for threshold in (0, rng.choice(THRESHOLDS))
    ]


def try_out(description: Description, device: Open | None) -> list[str]:
    """Convert a network and run its frames all three ways.

    Args:
        description: The network; its seed draws weights, frames and situations.
        device: Opens an array; None leaves the hardware out.

    Returns:
        The operators that TFLite's interpreter computes on the host, each with the reason.

    Raises:
        UnbuildableError: There is no such network.
        Refusal: Stillframe does not take the network.
        AssertionError: Something differs.
    """
    return try_file(convert(description), description.seed, device)


def try_file(data: bytes, seed: int, device: Open | None) -> list[str]:
    """As :func:`try_out`, of a ``.tflite`` file's content."""
    try:
        graph = read_tflite(data, "random", "random.tflite")
        reference = ReferenceModel(graph, tensors=True)
        frames = frames_of(graph.frame.shape, graph.frame.dtype, seed)
        programs = [(s, _program(graph, s, frames, seed)) for s in situations(seed) if device]
    except StillframeError as error:
        raise Refusal(str(error)) from error
    _assert_golden_is_tflite(graph, frames, reference)
    for situation, program in programs:
        session = Session(device(situation.array), program)
        try:
            assert_agrees(session, graph, frames, situation.threshold, (situation.key,))
        except Exception as error:
            error.add_note(str(situation))
            raise
    if not graph.head and not graph.tail:
        return []
    return [f"{each.op}: {each.why}" for each in graph.assignments if _is_reason(each)]


def _program(graph: Graph, situation: Situation, frames: Values, seed: int) -> Program:
    """Mode auto by the frames' profile, with about half of the layers pinned."""
    profile, pins = None, {}
    if situation.mode == "auto":
        profile = profile_graph(graph, device_codes(graph, frames), situation.threshold)
        pins = _pins(graph, np.random.default_rng([seed, 2]))
    return compile_graph(
        graph,
        ArrayConfig.parse(situation.array),
        mode=situation.mode,
        threshold=situation.threshold,
        profile=profile,
        pins=pins,
    )


def _pins(graph: Graph, rng: np.random.Generator) -> dict[str, str]:
    """Modes by layer: layers that read the same tensor share one."""
    by_tensor: dict[int, str | None] = {}
    pins = {}
    for node in graph.nodes:
        if isinstance(node, LINEAR):
            tensor, _ = window_input(graph, node)
            mode = by_tensor.setdefault(tensor, (None, None, "delta", "direct")[rng.integers(4)])
            if mode:
                pins[node.name] = mode
    return pins


def _assert_golden_is_tflite(graph: Graph, frames: Values, reference: ReferenceModel) -> None:
    """At threshold 0 every tensor and every output is that of TFLite's reference kernels."""
    outputs, tensors = reference.run(frames)
    for mode in ("delta", "direct"):
        trace = GoldenModel(graph, mode=mode).run(device_codes(graph, frames))
        for index, values in tensors.items():
            same = np.array_equal(trace.tensors[index], values)
            assert same, f"golden model, {mode}: tensor {graph.tensors[index].name} is not TFLite's"
        results = golden_results(graph, trace)
        assert outputs.keys() == results.keys()
        for name, values in outputs.items():
            same = np.array_equal(results[name], values)
            assert same, f"golden model, {mode}: output {name} is not TFLite's"


def _is_reason(assignment: Assignment) -> bool:
    """Whether an operator runs on the host for its own sake, not because of its neighbours."""
    neighbours = ("which runs on the host", "where the device's part begins")
    return assignment.host and assignment.op not in EASY and not assignment.why.endswith(neighbours)
