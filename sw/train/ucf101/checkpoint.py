"""Checkpoints of a stage, from which training goes on as if it had not been interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from stillframe.contract import StillframeError

KEPT = 2
"""Checkpoints of a stage; one would do, two survive a damaged disk block."""


class Checkpoints:
    """All variables of a compiled model, its optimizer and the number of steps done, on disk.

    Written by TensorFlow, whose files appear under their names when they are complete; the list of
    checkpoints is replaced last. A kill at any moment leaves the checkpoint before.

    Args:
        folder: Of one stage; made when needed.
        model: Compiled. Its variables are those of layers, batch norms' statistics, random generators'
            states and counts.
    """

    def __init__(self, folder: Path, model: Any) -> None:
        model.optimizer.build(model.trainable_variables)
        self._step = tf.Variable(0, dtype=tf.int64)
        # By position: Keras tracks what a model holds by attribute, which leaves out random generators.
        self._checkpoint = tf.train.Checkpoint(
            step=self._step,
            model=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in model.optimizer.variables],
        )
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=KEPT)
        self._folder = folder

    def restore(self) -> int:
        """Put the newest checkpoint, if there is one, into the model; gives the steps done.

        Raises:
            StillframeError: It belongs to another model or is damaged.
        """
        newest = self._manager.latest_checkpoint
        if newest is None:
            return 0
        try:
            self._checkpoint.restore(newest).assert_consumed()
        except Exception as error:  # of many kinds, from TensorFlow's reader
            raise StillframeError(
                f"{newest}: expected a checkpoint of this training, got: {str(error).splitlines()[0]}",
                f"remove {self._folder} to begin this stage again",
            ) from error
        return int(self._step)

    def save(self, step: int) -> None:
        """Write a checkpoint after ``step`` steps.

        Raises:
            StillframeError: It cannot be written.
        """
        self._step.assign(step)
        try:
            self._manager.save(checkpoint_number=step)
        except (OSError, tf.errors.OpError) as error:
            raise StillframeError(
                f"{self._folder}: expected a place for a checkpoint, got: {str(error).splitlines()[0]}",
                "make room, then run the same command again: it goes on from the checkpoint before",
            ) from error
