"""A trained network on the accelerator: every test frame run and checked, the device counts the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.compiler import compile_graph, profile_graph
from stillframe.contract import ArrayConfig
from stillframe.driver import Device, Session
from stillframe.frontend.graph import Graph
from stillframe.run.models import PROFILE_FRAMES
from stillframe.run.statistics import Statistics, counts_of
from stillframe.run.verify import Verifier

CHUNK = 16
"""Frames that the golden model computes at once."""


@dataclass(frozen=True)
class Measured:
    """What came of a run.

    Attributes:
        statistics: Counts of every frame, and how many outputs differed from the golden model's or TFLite's.
        levels: Outputs of all frames, less the zero point: int64 (frames, ...).
    """

    statistics: Statistics
    levels: npt.NDArray[np.int64]


def measure(
    device: Device,
    config: ArrayConfig,
    graph: Graph,
    codes: npt.NDArray[np.int8],
    after_chunk: Callable[[], Any] | None = None,
    mode: str = "auto",
) -> Measured:
    """Run consecutive frames as ``stillframe run`` does: ``auto`` goes by what changes in the first of them.

    Args:
        device: An open one.
        config: Its array.
        graph: The network, with one output.
        codes: Input codes, int8 (frames, height, width, channels).
        after_chunk: Called after every 16 frames.
        mode: ``auto``, ``delta``, ``direct`` or ``dense``.

    Raises:
        StillframeError: The network does not fit the array, or the device failed.
    """
    profile = profile_graph(graph, codes[:PROFILE_FRAMES]) if mode == "auto" else None
    program = compile_graph(graph, config, mode=mode, profile=profile)
    verifier, session, statistics = Verifier(graph, program), Session(device, program), Statistics(program)
    (output,) = graph.outputs
    outputs = []
    for start in range(0, len(codes), CHUNK):
        chunk = codes[start : start + CHUNK]
        verifier.expect(chunk)
        for number, frame in enumerate(chunk, start):
            result = session.run(frame)
            statistics.frames.append(counts_of(number, result, *verifier.check(result)))
            outputs.append(result.outputs[output.name].astype(np.int64))
        if after_chunk:
            after_chunk()
    return Measured(statistics, np.stack(outputs) - graph.tensors[output.tensor].zero_point)
