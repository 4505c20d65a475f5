"""Frames through a device, one after the other, without end: nothing is kept but the newest."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace

from stillframe.driver import Device, LinkError, Session
from stillframe.run.changes import Changes

from .frames import Frames
from .rate import Rate
from .subject import Subject
from .views import Lost, Totals, View

GIVE_UP = 3
"""Frames lost one after the other with which the link counts as broken. The session has tried each again
and again by then."""


class Stream:
    """Runs frames; iterate it once.

    Args:
        device: Open; left between two frames.
        subject: What runs.
        frames: Where frames come from.
        limit: Frames to take, None for all there are.
        stop: Whether an end is wanted; asked between frames.

    Attributes:
        totals: Counts so far.
    """

    def __init__(
        self,
        device: Device,
        subject: Subject,
        frames: Frames,
        limit: int | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.totals = Totals()
        self._device, self._subject, self._frames = device, subject, frames
        self._limit, self._stop = limit, stop

    def __iter__(self) -> Generator[View | Lost, None, None]:
        """Yield what came of each frame.

        Raises:
            StillframeError: The clip or the device failed; the program does not suit the device.
            LinkError: The link is broken.
        """
        subject, rate = self._subject, Rate()
        session = Session(self._device, subject.program)
        changes = Changes(subject.threshold, subject.step)
        in_a_row, began = 0, time.monotonic()
        for number, frame in enumerate(self._frames):
            if self._stop():
                return
            codes = subject.encoder(frame)
            error, result = None, None
            try:
                result = session.run(codes)
            except LinkError as lost:
                error = lost
            now = time.monotonic()
            self.totals = replace(self.totals, seconds=now - began, dropped=self._frames.dropped)
            if result:
                in_a_row = 0
                view = View(
                    subject=subject,
                    number=number,
                    time=time.time(),
                    frame=frame,
                    changed=changes.send(codes, result.key),
                    result=result,
                    link=self._device.statistics,
                    rate=rate.add(now),
                    totals=self.totals,
                )
                self.totals = _with(self.totals, view)
                yield replace(view, totals=self.totals)
            elif error:
                in_a_row += 1
                self.totals = replace(self.totals, lost=self.totals.lost + 1)
                yield Lost(number, time.time(), error.message, self._device.statistics, self.totals)
                if in_a_row == GIVE_UP:
                    raise LinkError(
                        f"link: expected frames to come through, lost {GIVE_UP} one after the other: "
                        f"{error.message}",
                        error.hint,
                    )
            if number + 1 == self._limit or self._stop():
                return


def _with(totals: Totals, view: View) -> Totals:
    """The counts with a frame more; means leave out frames that were computed from scratch."""
    totals = replace(totals, frames=totals.frames + 1)
    if view.result.key:
        return replace(totals, scratch=totals.scratch + 1)
    return replace(
        totals,
        cycles=totals.cycles + view.cycles,
        macs_issued=totals.macs_issued + view.macs_issued,
        macs_dense=totals.macs_dense + view.macs_dense,
    )
