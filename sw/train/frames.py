"""Clips in batches: which frames follow each other."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def by_clip(x: Any, frames: int | None, time_axis: int) -> Any:
    """The frames of a batch as (clips, frames, ...).

    Args:
        x: (clips * frames, ...) with the frames of a clip one after the other if ``time_axis`` is 0,
            (clips, frames, ...) if it is 1.
        frames: Frames a clip; None if the whole batch is one clip. Not used if ``time_axis`` is 1.

    Raises:
        ValueError: The batch is known not to hold whole clips.
    """
    if time_axis == 1:
        return x
    if frames is None:
        return x[tf.newaxis]
    batch = x.shape[0]
    if batch is not None and batch % frames:
        raise ValueError(
            f"Expected a batch of whole clips of {frames} frames, received: a batch of {batch} frames. "
            "Change the batch, or the clips' length with stillframe.train.set_clip(model, frames)."
        )
    return tf.reshape(x, tf.concat([[-1, frames], tf.shape(x)[1:]], axis=0))


def operands(x: Any, counts: str, frames: int | None, time_axis: int) -> Any:
    """What the MACs behind a tensor multiply with in every frame but the first of each clip.

    Args:
        x: As for :func:`by_clip`.
        counts: ``changes``: differences from the frame before; ``values``: the values themselves.

    Returns:
        (clips, frames - 1, ...).
    """
    clips = by_clip(x, frames, time_axis)
    return clips[:, 1:] - clips[:, :-1] if counts == "changes" else clips[:, 1:]
