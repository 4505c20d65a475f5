"""The same frames without the gain: all values (dense), or the non-zero ones (direct). Run, not estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, StillframeError
from stillframe.driver import Device, Session
from stillframe.frontend.graph import Graph

from .progress import Progress
from .statistics import Means, Statistics, counts_of

FRAMES = {"dense": 2, "direct": 60}
"""Most frames that a baseline is run on: a dense pass takes the same cycles whatever the frame shows."""

TITLES = {"dense": "dense", "direct": "ordinary zero skipping"}
"""What the modes are called in words."""


@dataclass(frozen=True)
class Gain:
    """A run against a baseline, over the same frames.

    Attributes:
        mode: The baseline's mode.
        frames: Non-key frames compared.
        ours, baseline: Means of both over these frames.
    """

    mode: str
    frames: int
    ours: Means
    baseline: Means

    @property
    def cycles(self) -> float:
        """How many times fewer cycles."""
        return self.baseline.cycles / self.ours.cycles

    @property
    def macs(self) -> float | None:
        """How many times fewer multiplications; None where ours did none at all."""
        return self.baseline.macs_issued / self.ours.macs_issued if self.ours.macs_issued else None


def run_baseline(
    device: Device,
    graph: Graph,
    config: ArrayConfig,
    mode: str,
    threshold: int,
    codes: Sequence[npt.NDArray[Any]],
    outputs: dict[str, list[npt.NDArray[np.generic]]],
    progress: Progress,
) -> Statistics | None:
    """Run the first frames of a clip in another mode.

    Args:
        device: The device that ran the clip; it is left with the baseline's program.
        graph, config, threshold: As the clip was run with.
        mode: ``dense`` or ``direct``.
        codes: The frames as the session took them.
        outputs: What the clip's run gave, by name: a mode must not change a result.
        progress: Told what is done.

    Returns:
        Counts, with the output values that differ as mismatches; None if the model does not fit the array
        in that mode, which ``progress`` is told.
    """
    codes = codes[: FRAMES[mode]]
    progress.stage(f"the same in mode {mode}, to compare with", len(codes))
    try:
        program = compile_graph(graph, config, mode=mode, threshold=threshold)
    except StillframeError as error:
        progress.say(f"no comparison with {TITLES[mode]}: {error.message}")
        return None
    statistics = Statistics(program)
    session = Session(device, program)
    for index, frame in enumerate(codes):
        result = session.run(frame)
        checked = sum(values.size for values in result.outputs.values())
        differ = sum(
            int(np.count_nonzero(values != outputs[name][index])) for name, values in result.outputs.items()
        )
        statistics.frames.append(counts_of(index, result, checked, differ))
        progress.advance()
    return statistics


def gain(run: Statistics, baseline: Statistics, mode: str) -> Gain | None:
    """Compare over the frames that are no key frames in both; for dense any such frame of the run counts."""
    common = {f.index for f in baseline.steady}
    ours = [f for f in run.steady if mode == "dense" or f.index - run.frames[0].index in common]
    mean, reference = run.means(ours), baseline.total()
    if mean is None or reference is None:
        return None
    return Gain(mode, len(ours), mean, reference)
