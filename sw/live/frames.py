"""The frames of a clip, over and over if need be; of a camera the newest ones."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.video import Clip

from .newest import Newest

Frame = npt.NDArray[np.uint8]


class Frames:
    """What is streamed.

    Args:
        clip: Where frames come from. Those of a file or folder come one after the other, as fast as they are
            asked for; those of a live one that come while one is computed are dropped.
        loop: Begin again after the last frame.
        stop: Whether an end is wanted.

    Raises:
        StillframeError: A live clip is to be repeated.
    """

    def __init__(self, clip: Clip, loop: bool = False, stop: Callable[[], bool] = lambda: False) -> None:
        if loop and clip.live:
            raise StillframeError(
                f"--loop: expected a file or a folder to begin again, got {clip.name}, which has no end",
                "leave --loop out",
            )
        self._clip, self._loop, self._stop = clip, loop, stop
        self._newest: Newest | None = None

    @property
    def dropped(self) -> int:
        """Frames of a live clip that were overtaken by newer ones."""
        return self._newest.dropped if self._newest else 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield RGB frames, uint8 (height, width, 3).

        Raises:
            StillframeError: The clip cannot be read.
        """
        if self._clip.live:
            self._newest = Newest(iter(self._clip), self._stop)
            yield from self._newest
            return
        while True:
            yield from self._once()
            if not self._loop:
                return

    def _once(self) -> Generator[Frame, None, None]:
        with closing(iter(self._clip)) as frames:
            yield from frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._newest:
            self._newest.close()
