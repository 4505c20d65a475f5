"""What there is to see of a frame. Whoever shows it keeps the newest one only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stillframe.driver import FrameResult, LinkStatistics
from stillframe.examples.box import Box
from stillframe.run.pictures import seen
from stillframe.run.real_values import real_values

from .outputs import Output, summarise
from .subject import Subject


@dataclass(frozen=True)
class Totals:
    """Counts since the stream began.

    Attributes:
        frames: Frames that came through.
        lost: Frames that the link could not bring through.
        dropped: Frames of a camera that were overtaken by newer ones.
        scratch: Frames computed from scratch, of those that came through.
        seconds: By the wall clock.
        cycles, macs_issued, macs_dense: Sums over the frames that were not computed from scratch.
    """

    frames: int = 0
    lost: int = 0
    dropped: int = 0
    scratch: int = 0
    seconds: float = 0.0
    cycles: int = 0
    macs_issued: int = 0
    macs_dense: int = 0


@dataclass(frozen=True)
class View:
    """A frame that came through.

    Attributes:
        subject: What is watched.
        number: Of the frame among those taken from the clip, from 0; lost ones count, dropped ones do not.
        time: When its answer came, in seconds since 1970.
        frame: As the clip gave it: RGB, uint8 (height, width, 3).
        changed: uint8, (height, width) of the model's input: the largest change sent for a pixel, in codes;
            0 if none was (see :class:`~stillframe.run.changes.Changes`).
        result: What the session answered.
        link: Counts of the link since the device was opened.
        rate: Frames a second by the wall clock; None for the first frame.
        totals: Counts so far, this frame included.
    """

    subject: Subject
    number: int
    time: float
    frame: npt.NDArray[np.uint8] = field(repr=False)
    changed: npt.NDArray[np.uint8] = field(repr=False)
    result: FrameResult = field(repr=False)
    link: LinkStatistics
    rate: float | None
    totals: Totals

    @property
    def cycles(self) -> int:
        """Cycles of the frame; the link is not counted."""
        return self.result.cycles

    @property
    def milliseconds(self) -> float | None:
        """The cycles by the device's clock; None if that is unknown."""
        clock = self.subject.clock_hz
        return 1000 * self.cycles / clock if clock else None

    @property
    def macs_issued(self) -> int:
        """Multiplications done."""
        return sum(layer.macs_issued for layer in self.result.layers)

    @property
    def macs_dense(self) -> int:
        """Multiplications of a dense pass."""
        return self.macs_issued + sum(layer.macs_skipped for layer in self.result.layers)

    @property
    def skipped(self) -> float | None:
        """Share of the dense multiplications that were not done, 0 to 1; None for a network without any."""
        return 1 - self.macs_issued / self.macs_dense if self.macs_dense else None

    @property
    def changed_share(self) -> float:
        """Share of the input's pixels that were sent because they changed, 0 to 1."""
        return float(np.count_nonzero(self.changed) / self.changed.size)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The model's outputs, summed up."""
        results = self.subject.program.results
        values = real_values(results, self.result.outputs)
        return tuple(summarise(output, values[output.name]) for output in results)

    @cached_property
    def boxes(self) -> list[Box] | None:
        """What the outputs show in the frame; None if the model is no example that knows."""
        example = self.subject.example
        if not example:
            return None
        height, width, _ = self.subject.encoder.shape
        return example.detect(real_values(self.subject.program.results, self.result.outputs), height, width)

    def picture(self, largest: int) -> npt.NDArray[np.uint8]:
        """What the model sees of the frame: RGB, uint8, at most ``largest`` pixels in a direction."""
        return seen(self.frame, self.subject.encoder.shape, largest)


@dataclass(frozen=True)
class Lost:
    """A frame that the link could not bring through; the next one is computed from scratch.

    Attributes:
        number, time, link, totals: As in :class:`View`.
        message: What went wrong.
    """

    number: int
    time: float
    message: str
    link: LinkStatistics
    totals: Totals
