"""Batches of clips: which clip comes when, and threads that make them ahead of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .augment import draw
from .dataset import Video
from .store import Store, decode

T = TypeVar("T")
R = TypeVar("R")

ORDER, CLIP = 0, 1
"""What a random stream is for."""


def ahead(function: Callable[[T], R], items: Iterable[T], workers: int, depth: int) -> Iterator[R]:
    """Results of a function in order, computed by threads that are up to ``depth`` items ahead."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass(frozen=True)
class Clips:
    """Training clips. Every one is a function of the seed, the epoch and its position in the list alone.

    Each epoch shows one clip of every video, from a random frame on, in a random order; videos that do not
    fill a batch at its end are left out.

    Args:
        videos: The training list.
        store: Has their frames.
        size: Height and width of the network's input.
        frames: Consecutive frames a clip.
        batch: Clips a batch; not more than there are videos.
        seed: Whole numbers of 0 or more.
        workers: Threads.
    """

    videos: list[Video]
    store: Store
    size: int
    frames: int
    batch: int
    seed: tuple[int, ...]
    workers: int

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return len(self.videos) // self.batch

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Positions in the list in the order of an epoch."""
        return np.random.default_rng((*self.seed, ORDER, epoch)).permutation(len(self.videos))

    def clip(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """The clip of video ``index`` in an epoch, augmented: RGB (frames, size, size, 3)."""
        random = np.random.default_rng((*self.seed, CLIP, epoch, index))
        images = self.store.images(self.videos[index])
        start = int(random.integers(0, len(images) - self.frames + 1))
        frames = decode(images[start : start + self.frames])
        return draw(random, *frames.shape[1:3]).apply(frames, self.size)

    def batches(
        self, first: int, stop: int
    ) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
        """Batches ``first`` to ``stop`` of the training, epoch after epoch.

        Yields:
            Frames, float32 0 to 1 (batch * frames, size, size, 3), those of a clip one after the other, and
            their labels (batch * frames,).
        """
        where = (
            (step // self.steps, int(index))
            for step in range(first, stop)
            for index in self.order(step // self.steps)[self._within(step)]
        )
        clips = ahead(
            lambda at: (self.clip(*at), self.videos[at[1]].label), where, self.workers, 4 * self.batch
        )
        for _ in range(first, stop):
            frames, labels = zip(*(next(clips) for _ in range(self.batch)), strict=True)
            yield scaled(np.concatenate(frames)), np.repeat(np.array(labels, np.int64), self.frames)

    def _within(self, step: int) -> slice:
        first = step % self.steps * self.batch
        return slice(first, first + self.batch)


def scaled(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Pixels 0 to 255 as the networks take them, 0 to 1."""
    return pixels.astype(np.float32) / np.float32(255)
