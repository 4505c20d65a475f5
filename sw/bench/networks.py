"""Networks on clips on arrays: what the user names, each with each, in every mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.driver import open_device
from stillframe.run.job import profile_of
from stillframe.run.models import load_model
from stillframe.run.progress import Progress
from stillframe.video import open_clip

from .comparison import Comparison, compare
from .defaults import FRAMES, START

SCHEMA = "stillframe.bench.networks/1"
"""Version of the object that is written."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        models, clips: As ``stillframe run`` takes them.
        arrays: Arrays to simulate.
        start, frames: Which part of every clip.
        threshold: Codes by which a value may differ from the last one sent, unsent.
    """

    models: Sequence[str]
    clips: Sequence[str]
    arrays: Sequence[ArrayConfig]
    start: int = START
    frames: int = FRAMES
    threshold: int = 0


def measure(plan: Plan, progress: Progress) -> list[Comparison]:
    """Measure every model on every clip on every array.

    A model in floating point is calibrated on each clip; a program is compiled anew for each array.

    Raises:
        StillframeError: A model or clip is wrong, or no model fits an array.
    """
    clips = [(name, open_clip(name, plan.start, plan.frames)) for name in plan.clips]
    found = []
    for spec in plan.models:
        for name, clip in clips:
            model = load_model(spec, clip, None, progress, "--clip")
            encoder = model.encoder()
            frames = [encoder(frame) for frame in clip]
            progress.stage(f"what changes in {name}")
            profile = profile_of(model, clip, "auto", plan.threshold, progress)
            for config in plan.arrays:
                progress.stage(f"building the accelerator {config.name}")
                with open_device("sim", config, on_status=progress.say) as device:
                    found.append(
                        compare(device, model.graph, config, frames, name, profile, plan.threshold, progress)
                    )
    if not any(comparison.measured for comparison in found):
        raise StillframeError(
            f"bench networks: expected a model that fits {', '.join(c.name for c in plan.arrays)}, "
            "found none",
            "take a larger part, or virtual, as in 1x16@virtual (stillframe check says what a model takes)",
        )
    return found
