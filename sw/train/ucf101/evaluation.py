"""Accuracy and sparsity on the test list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stillframe.run.progress import Progress
from stillframe.train import LayerSparsity, set_clip, sparsity
from stillframe.video.fit import fit

from .clips import ahead, scaled
from .dataset import Dataset, Video
from .store import Store, decode

TEST_FRAMES = 32
"""Of a video, consecutive and about its middle; the paper averages the softmax over 32 frames."""

Counts = dict[str, LayerSparsity]
"""By layer."""


@dataclass
class Evaluation:
    """What came out.

    Attributes:
        right, videos: By class, from 0: videos classified rightly, and all.
        short: Videos with fewer than 32 frames, of which all were used.
        counts: By class, what its videos made the layers do.
    """

    right: list[int]
    videos: list[int]
    short: int = 0
    counts: dict[int, Counts] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """Share of the videos that were classified rightly."""
        return sum(self.right) / sum(self.videos)


def evaluate(
    model: Any, dataset: Dataset, store: Store, size: int, workers: int, title: str, progress: Progress
) -> Evaluation:
    """Classify every video of the test list by the mean of its frames' softmax, and count.

    Args:
        model: From ``sparsify``: frames (N, size, size, 3) to logits (N, classes).
        dataset: Its test list alone is used.
        store: Has the frames; keeps 32 of a video.
        size: Height and width of the network's input; frames are cropped to the middle square.
        workers: Threads that decode.
        title: What progress calls it.
        progress: Told what is done.

    Raises:
        StillframeError: A video cannot be decoded.
    """
    set_clip(model, None)  # a batch is one video

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)])
    def probabilities(frames: Any) -> Any:
        return tf.reduce_mean(tf.nn.softmax(model(frames, training=False)), axis=0)

    def load(video: Video) -> tuple[Video, npt.NDArray[np.float32]]:
        frames = decode(store.images(video))
        return video, scaled(np.stack([fit(frame, size, size, 3) for frame in frames]))

    classes = len(dataset.classes)
    result = Evaluation([0] * classes, [0] * classes)
    videos = sorted(dataset.test, key=lambda video: video.label)
    progress.stage(f"{title}: test list", len(videos))
    loaded = ahead(load, videos, workers, 2 * workers)
    for label, group in groupby(loaded, key=lambda item: item[0].label):
        model.reset_metrics()
        for _, frames in group:
            result.right[label] += int(np.argmax(probabilities(frames))) == label
            result.videos[label] += 1
            result.short += len(frames) < TEST_FRAMES
            progress.advance(f"{result.accuracy:.1%} right")
        result.counts[label] = {row.name: row for row in sparsity(model)}
    if result.short:
        progress.say(
            f"{title}: {result.short} test videos have fewer than {TEST_FRAMES} frames: all were used"
        )
    return result


def together(counts: Iterable[Counts]) -> Counts:
    """Sums by layer."""
    sums: Counts = {}
    for one in counts:
        for name, row in one.items():
            sums[name] = add(sums[name], row) if name in sums else row
    return sums


def add(a: LayerSparsity, b: LayerSparsity) -> LayerSparsity:
    """The sum of two rows of one layer."""
    return LayerSparsity(
        a.name,
        a.kind,
        a.macs_dense + b.macs_dense,
        a.macs_issued + b.macs_issued,
        a.elements + b.elements,
        a.sent + b.sent,
    )
