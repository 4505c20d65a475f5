"""How fast the simulated accelerator is: the one benchmark here that measures this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig
from stillframe.driver import Device, Session
from stillframe.frontend.graph import Graph
from stillframe.run.models import load_model
from stillframe.run.progress import Progress
from stillframe.video import open_clip

SCHEMA = "stillframe.bench.simulation/1"
"""Version of the object that is written."""


@dataclass(frozen=True)
class Speed:
    """How fast an array was.

    Attributes:
        config: The array.
        model, clip: What ran on it.
        cycles: Of the clock, in one repeat: frames and the link's bytes.
        seconds: Processor time of each repeat, driver included: what an idle machine takes.
    """

    config: ArrayConfig
    model: str
    clip: str
    cycles: int
    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """Cycles a second in the best repeat."""
        return self.cycles / min(self.seconds)

    @property
    def worst(self) -> float:
        """Cycles a second in the worst repeat."""
        return self.cycles / max(self.seconds)

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file, see docs/benchmarks.md."""
        return {
            "array": self.config.name,
            "lanes": self.config.total_lanes,
            "model": self.model,
            "clip": self.clip,
            "cycles": self.cycles,
            "seconds": list(self.seconds),
            "cycles_per_second": self.best,
        }


def measure(
    spec: str, name: str, arrays: Sequence[ArrayConfig], count: int, repeats: int, progress: Progress
) -> list[Speed]:
    """Time a model's first frames of a clip in mode delta, the first of them a key frame.

    Args:
        spec, name: Model and clip, as ``stillframe run`` takes them.
        arrays: Arrays to simulate.
        count: Frames.
        repeats: Times that they are run.
        progress: Told what is done.

    Raises:
        StillframeError: Model or clip is wrong, or the model does not fit an array.
    """
    clip = open_clip(name, 0, count)
    model = load_model(spec, clip, None, progress, "CLIP")
    encoder = model.encoder()
    frames = [encoder(frame) for frame in clip]
    return [_time(model.graph, name, config, frames, repeats, progress) for config in arrays]


def _time(
    graph: Graph,
    clip: str,
    config: ArrayConfig,
    frames: Sequence[npt.NDArray[Any]],
    repeats: int,
    progress: Progress,
) -> Speed:
    from stillframe.sim.native import open_sim

    program = compile_graph(graph, config, mode="delta")
    progress.stage(f"building the accelerator {config.name}")
    with open_sim(config, on_status=progress.say) as transport:
        session = Session(Device(transport), program)
        progress.stage(f"running {graph.name} on {config.name}", repeats)
        cycles, seconds = 0, []
        for _ in range(repeats):
            cycles, began = transport.cycles, time.process_time()
            for index, frame in enumerate(frames):
                session.run(frame, key=index == 0)
            seconds.append(time.process_time() - began)
            cycles = transport.cycles - cycles
            progress.advance(f"{cycles / seconds[-1]:,.0f} cycles a second")
    return Speed(config, graph.name, clip, cycles, tuple(seconds))
