"""What is watched: all that stays the same from the first frame to the last."""

from __future__ import annotations

from dataclasses import dataclass

from stillframe.contract import Program
from stillframe.examples import Example
from stillframe.run import Job
from stillframe.run.encoder import Encoder


@dataclass(frozen=True)
class Subject:
    """A program, and how frames get to it.

    Attributes:
        program: What runs.
        encoder: From a clip's frames to what a session takes.
        clip, device: Their names.
        mode, threshold: What the program was compiled with.
        step: What one code of the input stands for, in what a session takes: 1 unless that is real values.
        example: The built-in example that the model is, which knows what its outputs show.
        clock_hz: Of the device; None if it has none or it is unknown.
    """

    program: Program
    encoder: Encoder
    clip: str
    device: str
    mode: str
    threshold: int
    step: float = 1.0
    example: Example | None = None
    clock_hz: float | None = None

    @property
    def title(self) -> str:
        """A line that says what is watched."""
        return f"{self.program.model} on {self.clip}"

    @property
    def how(self) -> str:
        """A line that says how it runs."""
        config = self.program.config
        clock = f" at {self.clock_hz / 1e6:g} MHz" if self.clock_hz else ""
        return (
            f"device {self.device}{clock}, array {config.name} ({config.total_lanes} lanes), "
            f"mode {self.mode}, threshold {self.threshold}"
        )


def subject_of(job: Job) -> Subject:
    """What a prepared job would run, to be watched instead."""
    values, frame = job.model.value_range, job.program.frame
    return Subject(
        program=job.program,
        encoder=job.model.encoder(),
        clip=job.clip.name,
        device=job.options.device,
        mode=job.mode,
        threshold=job.threshold,
        step=(values.high - values.low) / 255 if frame.dtype == "float32" else 1.0,
        example=job.model.example,
    )
