"""One network on one array in every mode, over the same frames, checked and counted in the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.compiler import Profile, compile_graph
from stillframe.contract import ArrayConfig, Program, StillframeError
from stillframe.driver import Device, FrameResult, Session
from stillframe.frontend.graph import Graph
from stillframe.run.baselines import FRAMES
from stillframe.run.progress import Progress
from stillframe.run.statistics import FrameCounts, Means, Statistics, counts_of
from stillframe.run.verify import Verifier

MODES = ("delta", "auto", "direct", "dense")
"""As they run, one after the other: the first that fits is held to the golden model, the others to it."""

CHUNK = 16
"""Frames that the golden model computes at once."""

Values = npt.NDArray[Any]
Outputs = Mapping[str, Values]


@dataclass(frozen=True)
class Measurement:
    """A network in one mode.

    Attributes:
        statistics: Counts of the frames; the first is a key frame.
        still: Counts of one frame more, equal to the last.
    """

    statistics: Statistics
    still: FrameCounts

    @property
    def key(self) -> FrameCounts:
        """Counts of the first frame, computed from scratch."""
        return self.statistics.frames[0]

    @property
    def means(self) -> Means:
        """Means over the non-key frames, the still one left out."""
        means = self.statistics.total()
        assert means, "there are two frames or more"
        return means

    @property
    def dense_bound(self) -> float:
        """Cycles of all multiplications of a frame if no lane ever waits."""
        return self.key.macs_dense / self.means.lanes

    @property
    def mismatches(self) -> int:
        """Output values that differed, over all frames."""
        return self.statistics.mismatches + self.still.mismatches

    @property
    def checked(self) -> int:
        """Output values compared, over all frames."""
        return self.statistics.checked + self.still.checked


@dataclass(frozen=True)
class Comparison:
    """A network on an array in every mode.

    Attributes:
        model, clip: What is run, as the user knows it.
        config: The array.
        threshold: As compiled.
        measured: By mode, without those that do not fit the array.
        refused: Why they do not.
    """

    model: str
    clip: str
    config: ArrayConfig
    threshold: int
    measured: dict[str, Measurement]
    refused: dict[str, str]

    @property
    def mismatches(self) -> int:
        """Output values that differed, over all runs."""
        return sum(m.mismatches for m in self._runs)

    @property
    def checked(self) -> int:
        """Output values compared, over all runs."""
        return sum(m.checked for m in self._runs)

    @property
    def _runs(self) -> list[Measurement]:
        """The measurements, each once: modes may have the same program."""
        return list({id(m): m for m in self.measured.values()}.values())

    def cycles(self, mode: str) -> float | None:
        """Mean cycles of a non-key frame; None if the network does not fit in that mode."""
        return self.measured[mode].means.cycles if mode in self.measured else None

    def still_share(self, mode: str) -> float | None:
        """A still frame's cycles as a share of a dense frame's; None where one is not known."""
        dense = self.cycles("dense")
        return self.measured[mode].still.cycles / dense if dense and mode in self.measured else None

    def ratios(self) -> dict[str, float | None]:
        """Cycles of delta over direct, direct over dense, and auto over the better of delta and direct."""
        delta, direct, dense, auto = map(self.cycles, ("delta", "direct", "dense", "auto"))
        fitting = [cycles for cycles in (delta, direct) if cycles]
        return {
            "delta_over_direct": delta / direct if delta and direct else None,
            "direct_over_dense": direct / dense if direct and dense else None,
            "auto_over_better": auto / min(fitting) if auto and fitting else None,
        }

    def as_json(self) -> dict[str, Any]:
        """As it stands in the files, see docs/benchmarks.md."""
        modes: dict[str, Any] = {mode: {"refused": message} for mode, message in self.refused.items()}
        modes |= {mode: self._mode(mode) for mode in self.measured}
        return {
            "model": self.model,
            "clip": self.clip,
            "array": self.config.name,
            "lanes": self.config.total_lanes,
            "threshold": self.threshold,
            "modes": {mode: modes[mode] for mode in MODES},
            "ratios": self.ratios(),
        }

    def _mode(self, mode: str) -> dict[str, Any]:
        found = self.measured[mode]
        layers = zip(found.statistics.program.layers, found.statistics.by_layer() or (), strict=True)
        return {
            **means_json(found.means),
            "frames": [
                {"key": f.key, "cycles": f.cycles, "macs_issued": f.macs_issued}
                for f in found.statistics.frames
            ],
            "key": {"cycles": found.key.cycles, "dense_bound_cycles": found.dense_bound},
            "still": {"cycles": found.still.cycles, "share_of_dense": self.still_share(mode)},
            "layers": [
                {"name": layer.name, "op": layer.op, "mode": layer.mode.name.lower(), **means_json(means)}
                for layer, means in layers
            ],
            "outputs_checked": found.checked,
            "mismatches": found.mismatches,
        }


def means_json(means: Means) -> dict[str, float]:
    """Means as they stand in the files."""
    return {
        "cycles": means.cycles,
        "macs_dense": means.macs_dense,
        "macs_issued": means.macs_issued,
        "bound_cycles": means.bound_cycles,
        "utilisation": means.lane_utilisation,
    }


def compare(
    device: Device,
    graph: Graph,
    config: ArrayConfig,
    frames: Sequence[Values],
    clip: str,
    profile: Profile | None,
    threshold: int,
    progress: Progress,
) -> Comparison:
    """Run the same frames in every mode.

    Args:
        device: A device of the array ``config``.
        graph: The network.
        config: The array.
        frames: Two or more, as a session takes them.
        clip: What they are, in words.
        profile: What changes, for the mode ``auto``.
        threshold: Codes by which a value may differ from the last one sent, unsent.
        progress: Told what is done.

    Raises:
        StillframeError: The device failed. That the network does not fit in a mode is no error.
    """
    measured: dict[str, Measurement] = {}
    refused: dict[str, str] = {}
    programs: dict[bytes, str] = {}
    answers: list[Outputs] = []
    for mode in MODES:
        what = f"{graph.name} on {clip}, {config.name}, mode {mode}"
        try:
            program = compile_graph(graph, config, mode=mode, threshold=threshold, profile=profile)
        except StillframeError as error:
            if error.message not in refused.values():
                progress.say(f"{what}: {error.message}")
            refused[mode] = error.message
            continue
        content = program.to_bytes()
        if content in programs:  # the same program on the same frames: the same cycles
            measured[mode] = measured[programs[content]]
            progress.say(f"{what}: the same program as in mode {programs[content]}")
            continue
        programs[content] = mode
        taken = list(frames[: FRAMES[mode]] if mode == "dense" else frames)
        known = answers[: len(taken)]
        taken.append(taken[-1])
        check = partial(_differing, [*known, known[-1]]) if known else _Golden(graph, program, taken)
        progress.stage(what, len(taken))
        measured[mode], outputs = _run(device, program, taken, check, progress)
        answers = answers or outputs
    return Comparison(graph.name, clip, config, threshold, measured, refused)


class _Golden:
    """Holds a program's answers to the golden model, and at threshold 0 to TFLite's reference kernels."""

    def __init__(self, graph: Graph, program: Program, frames: Sequence[Values]) -> None:
        self._verifier, self._frames = Verifier(graph, program), frames

    def __call__(self, index: int, result: FrameResult) -> tuple[int, int]:
        """Output values compared in a frame, and how many differ; frames come in their order."""
        if index % CHUNK == 0:
            self._verifier.expect(np.stack(self._frames[index : index + CHUNK]))
        return self._verifier.check(result)


def _differing(answers: Sequence[Outputs], index: int, result: FrameResult) -> tuple[int, int]:
    """Output values compared in a frame, and how many differ from another mode's."""
    return (
        sum(values.size for values in result.outputs.values()),
        sum(int(np.count_nonzero(v != answers[index][name])) for name, v in result.outputs.items()),
    )


def _run(
    device: Device,
    program: Program,
    frames: Sequence[Values],
    check: Callable[[int, FrameResult], tuple[int, int]],
    progress: Progress,
) -> tuple[Measurement, list[Outputs]]:
    """Run frames, the last of them equal to the one before; gives the counts, and every frame's outputs."""
    statistics, session = Statistics(program), Session(device, program)
    outputs: list[Outputs] = []
    for index, frame in enumerate(frames):
        result = session.run(frame)
        statistics.frames.append(counts_of(index, result, *check(index, result)))
        outputs.append(result.outputs)
        progress.advance(f"{result.cycles:,} cycles")
    return Measurement(statistics, statistics.frames.pop()), outputs
