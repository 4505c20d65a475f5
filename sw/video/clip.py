"""Opening a clip by its name: a file, a folder, a camera or a built-in example."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError

Frame = npt.NDArray[np.uint8]
"""RGB, (height, width, 3)."""


@dataclass(frozen=True)
class Clip:
    """Frames ``start`` to ``start + frames`` of a source; iterating again reads them again.

    Attributes:
        name: What the user called it.
        start: Number of the first frame, from 0.
        frames: How many frames, None for all there are.
        source: Yields all frames of the source from its beginning.
        live: Its frames come in their own time (a camera): who is slower than they are falls behind.
    """

    name: str
    start: int
    frames: int | None
    source: Callable[[], Generator[Frame, None, None]]
    live: bool = False

    def __iter__(self) -> Generator[Frame, None, None]:
        """Yield RGB frames, uint8 (height, width, 3).

        Raises:
            StillframeError: The clip ends too early or cannot be decoded.
        """
        given = number = 0
        source = self.source()
        try:
            for number, frame in enumerate(source, 1):
                if number <= self.start:
                    continue
                yield frame
                given += 1
                if given == self.frames:
                    return
        finally:
            source.close()
        self._check_end(number, given)

    def _check_end(self, total: int, given: int) -> None:
        if total == 0:
            raise StillframeError(
                f"clip {self.name}: expected at least one frame, got none: it is empty",
                "choose another clip, or record it again",
            )
        if self.frames is not None or given == 0:
            wanted = "at least one frame" if self.frames is None else _count(self.frames)
            raise StillframeError(
                f"clip {self.name}: expected {wanted} from frame {self.start} on, got {given}: "
                f"it ends after frame {total - 1}",
                "ask for fewer with --frames, start earlier with --start, or choose a longer clip "
                f"({_count(total)} here)",
            )


def _count(frames: int) -> str:
    return "1 frame" if frames == 1 else f"{frames} frames"


def open_clip(spec: str, start: int = 0, frames: int | None = None) -> Clip:
    """Open a clip.

    Args:
        spec: A video file, a folder of images (taken in the order of their names), ``camera:N``, or the
            name of a built-in example.
        start: Number of the first frame to give, from 0.
        frames: How many frames to give; None for all there are.

    Raises:
        StillframeError: There is no such clip or example, or it cannot be decoded, is empty or ends too early
            (a file is read through once to know; a camera is not).
    """
    from . import sources

    if start < 0 or (frames is not None and frames < 1):
        raise StillframeError(
            f"clip {spec}: expected --start of 0 or more and --frames of 1 or more, "
            f"got start {start} and frames {frames if frames is not None else 'all'}",
            "count frames from 0",
        )
    if match := re.fullmatch(r"camera:(\d+)", spec):
        return Clip(spec, start, frames, sources.camera(spec, int(match[1])), live=True)
    path = Path(spec)
    if path.is_dir():
        source = sources.folder(path)
    elif path.is_file():
        source = sources.file(path)
    else:
        source = sources.file(_example(spec))
    clip = Clip(spec, start, frames, source)
    with closing(iter(clip)) as check:
        for _ in check:
            if frames is None:
                break
    return clip


def _example(spec: str) -> Path:
    from stillframe.examples import CLIPS, clip_path

    if spec in CLIPS:
        return clip_path(spec)
    if "/" in spec or "." in spec:
        raise StillframeError(
            f"clip {spec}: expected a file or folder, found nothing of that name", "check the path"
        )
    raise StillframeError(
        f"clip {spec}: expected a file, a folder, camera:N or one of {', '.join(CLIPS)}, "
        "found nothing of that name",
        f"check the name; the built-in clips are {', '.join(CLIPS)}",
    )
