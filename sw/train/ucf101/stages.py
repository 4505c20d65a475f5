"""The schedule: training for the task, then two stages of refinement for sparsity."""

from __future__ import annotations

from dataclasses import dataclass

LEARNING_RATE = 1e-3
MOMENTUM = 0.9
"""Of SGD, in all stages; arXiv 2107.07305."""


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    Attributes:
        name: Its folder.
        frames: Consecutive frames a clip.
        clips: Clips a batch.
        epochs: How often every training video is shown.
        penalty: Weight of the sparsity loss as the paper has it; None: there is no such loss.
        number: Tells the stages' random streams apart.
    """

    name: str
    frames: int
    clips: int
    epochs: int
    penalty: float | None
    number: int


def finetuning(epochs: int) -> Stage:
    """For the task alone: single frames, in floats."""
    return Stage("finetuned", frames=1, clips=16, epochs=epochs, penalty=None, number=0)


def refinement(epochs: int) -> tuple[Stage, Stage]:
    """The paper's two stages; their epochs are not in the paper."""
    return (
        Stage("clips-of-8", frames=8, clips=4, epochs=epochs, penalty=1e-4, number=1),
        Stage("clips-of-2", frames=2, clips=16, epochs=epochs, penalty=1e-6, number=2),
    )


PAPER_PENALTY = 1e-4
"""What ``--penalty`` stands for. The paper's weights are in its own normalisation of the sparsity loss; ours
is in shares of the network's MACs. So the first stage has the weight that is asked for, and what is kept of
the paper's is that the second stage has a hundredth of it."""


def weight(stage: Stage, penalty: float) -> float:
    """Weight of the sparsity loss in a stage, as :func:`stillframe.train.sparsify` takes it."""
    return 0.0 if stage.penalty is None else penalty * stage.penalty / PAPER_PENALTY
