"""The network, and how it is trained: for its task alone first, then refined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from .dataset import HEIGHT, WIDTH, Part

Floats = npt.NDArray[np.float32]

CONVOLUTIONS = ((8, 3, 2), (16, 3, 2), (32, 3, 2), (32, 3, 1))
"""Channels, kernel and stride of each."""

POSITIVE_WEIGHT = 3.0
"""Of occupied cells in the loss: there are ten times fewer of them."""

CLIP = 8
"""Consecutive frames a clip."""

CLIPS_A_BATCH = 2

BRIGHTNESS = 0.1
"""Largest relative change of a clip's brightness."""

RATE_AT_THE_END = 0.02
"""Of the learning rate to begin with; it falls along a cosine."""


def build() -> Any:
    """The network, untrained: 15 k weights, 1.9 M MACs; its outputs are logits (9, 12, 1) of the cells."""
    layers = keras.layers
    x = image = keras.Input((HEIGHT, WIDTH, 1), name="image")
    for number, (channels, kernel, stride) in enumerate(CONVOLUTIONS, 1):
        x = layers.Conv2D(
            channels, kernel, strides=stride, padding="same", use_bias=False, name=f"conv{number}"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    return keras.Model(image, layers.Conv2D(1, 1, name="occupancy")(x), name="occupancy")


def f1(logits: npt.NDArray[Any], truth: Floats) -> float:
    """F1 of the cells told occupied (logit above 0), over all frames; 1 if none is and none is told."""
    told, occupied = logits > 0, truth > 0.5
    both, sizes = np.count_nonzero(told & occupied), np.count_nonzero(told) + np.count_nonzero(occupied)
    return 2 * both / sizes if sizes else 1.0


class Clips(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of clips, folded into the batch axis; drawn anew for every epoch.

    A clip is mirrored and brightened or darkened as a whole, so that what stands still stays still.

    Args:
        part: To draw from.
        seed: Of everything random.
    """

    def __init__(self, part: Part, seed: int) -> None:
        super().__init__()
        self.part = part
        self._random = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Cut the frames into clips somewhere else, and shuffle these."""
        first = int(self._random.integers(CLIP))
        self._starts = self._random.permutation(np.arange(first, len(self.part) - CLIP + 1, CLIP))

    def __len__(self) -> int:
        """Batches an epoch, the same whatever is drawn."""
        return (len(self.part) // CLIP - 1) // CLIPS_A_BATCH

    def __getitem__(self, index: int) -> tuple[Floats, Floats, Floats]:
        """Frames, maps and the weights of their cells, of a batch."""
        starts = self._starts[CLIPS_A_BATCH * index :][:CLIPS_A_BATCH]
        frames, maps = zip(*(self._clip(start) for start in starts), strict=True)
        truth = np.concatenate(maps)
        return np.concatenate(frames), truth, (1 + (POSITIVE_WEIGHT - 1) * truth[..., 0]).astype(np.float32)

    def _clip(self, start: int) -> tuple[Floats, Floats]:
        span = slice(start, start + CLIP)
        mirror = slice(None, None, -1 if self._random.random() < 0.5 else 1)
        brightness = np.float32(1 + self._random.uniform(-BRIGHTNESS, BRIGHTNESS))
        frames, maps = self.part.frames[span][:, :, mirror], self.part.maps[span][:, :, mirror]
        return np.minimum(frames * brightness, np.float32(1)), maps


def fit(
    model: Any, part: Part, epochs: int, rate: float, seed: int, after_epoch: Callable[[], None] | None = None
) -> None:
    """Train a model in place; its own losses (for sparsity) are added to the task's.

    Args:
        model: From :func:`build`, or a sparse one of it.
        part: Frames to train with.
        epochs: How often all of them are seen.
        rate: Learning rate of Adam, to begin with.
        seed: Of the clips' order and augmentation.
        after_epoch: Called after every epoch.
    """
    clips = Clips(part, seed)
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(clips), alpha=RATE_AT_THE_END)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=cross_entropy, jit_compile=False)
    callbacks = []
    if after_epoch:
        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: after_epoch()))
    model.fit(clips, epochs=epochs, shuffle=False, callbacks=callbacks, verbose=0)
