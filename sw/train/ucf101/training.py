"""Training one stage, interruptible at any moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from stillframe.contract import StillframeError
from stillframe.run.progress import Progress

from .checkpoint import Checkpoints
from .clips import Clips
from .stages import LEARNING_RATE, MOMENTUM, Stage


def compile_model(model: Any) -> None:
    """SGD, and softmax cross-entropy of every frame's logits. Keras adds the model's own losses."""
    model.compile(
        optimizer=keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


def train(
    model: Any, stage: Stage, title: str, clips: Clips, folder: Path, every: int, progress: Progress
) -> None:
    """Train a stage to its end, from its newest checkpoint if there is one.

    Args:
        model: What to train; the state at the beginning of the stage.
        stage: Which stage.
        title: What progress calls it.
        clips: The training list, in clips of the stage.
        folder: Where the stage's checkpoints are.
        every: Steps from checkpoint to checkpoint.
        progress: Told what is done.

    Raises:
        StillframeError: A video or a checkpoint cannot be read or written, or the loss is not finite.
    """
    compile_model(model)
    checkpoints = Checkpoints(folder, model)
    steps = stage.epochs * clips.steps
    done = checkpoints.restore()
    if done == steps:
        return
    if done:
        progress.say(f"{title}: goes on after step {done:,} of {steps:,}")
    progress.stage(f"{title}: {stage.clips} clips of {_frames(stage.frames)} a step", steps - done)
    for step, (frames, labels) in enumerate(clips.batches(done, steps), done + 1):
        if (step - 1) % clips.steps == 0:
            model.reset_metrics()
        loss = float(model.train_on_batch(frames, labels, return_dict=True)["loss"])
        if not np.isfinite(loss):
            raise StillframeError(
                f"{title}, step {step:,}: expected a finite loss, got {loss}",
                "lower --penalty, or train longer for the task first (--finetune-epochs)",
            )
        if step % every == 0 or step == steps:
            checkpoints.save(step)
        progress.advance(f"loss {loss:.3f}")


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
