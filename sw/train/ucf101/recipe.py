"""The experiment from the dataset to the table: fine-tuning, refinement in two stages, evaluation."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stillframe.contract import StillframeError
from stillframe.run.files import write_json
from stillframe.run.progress import Progress, Silent
from stillframe.train import SETUPS, set_clip, set_penalty, sparsify
from stillframe.train.saving import save_model
from stillframe.video.fit import fit

from . import stages
from .clips import Clips, ahead, scaled
from .dataset import Dataset, Video
from .depth import network_stages
from .evaluation import TEST_FRAMES, evaluate
from .network import initial_coarseness, load_network
from .results import as_json
from .settings import Config, claim
from .stages import Stage
from .store import TESTING, TRAINING, Store, decode
from .training import train

CALIBRATION = 64
"""Training videos whose middle frames give the initial steps."""

MARGIN = 8 / 7
"""Shorter side of what is cached, in inputs of the network: 256 for 224."""


@dataclass
class Recipe:
    """A run of the experiment in a folder, begun or gone on with.

    The folder gets ``config.json``, ``finetuned.keras``, and for each set-up ``SETUP.keras`` and
    ``SETUP.json``; ``checkpoints`` has what an interrupted run goes on from. Set-ups that are run later in
    the same folder begin with the same fine-tuned network.

    Args:
        config: What to train.
        dataset: On what.
        output: The folder.
        cache: Folder for decoded frames.
        workers: Threads that decode.
        every: Steps from checkpoint to checkpoint.
        progress: Told what is done.
    """

    config: Config
    dataset: Dataset
    output: Path
    cache: Path
    workers: int = 4
    every: int = 200
    progress: Progress = field(default_factory=Silent)

    def __post_init__(self) -> None:
        short_side = round(self.config.size * MARGIN)
        longest = max(stage.frames for stage in stages.refinement(1))
        self.training = Store(self.cache, short_side, TRAINING, least=longest)
        self.testing = Store(self.cache, short_side, TESTING, keep=TEST_FRAMES, least=2)

    def run(self, setups: list[str]) -> list[dict[str, Any]]:
        """Train and evaluate set-ups by name; gives what ``SETUP.json`` has, for each.

        Raises:
            StillframeError: The folder has a run of another config; a video or file cannot be read or
                written; there are fewer training videos than a batch has clips.
        """
        self._check_batches()
        keras.utils.set_random_seed(self.config.seed)
        model = load_network(self.config, len(self.dataset.classes))
        claim(self.output, self.config, self.dataset)
        self._decode()
        self._finetune(model)
        return [self._setup(name, model) for name in setups]

    def _check_batches(self) -> None:
        largest = max(stage.clips for stage in (stages.finetuning(1), *stages.refinement(1)))
        if len(self.dataset.train) < largest:
            raise StillframeError(
                f"training list: expected at least the {largest} videos of a batch, "
                f"got {len(self.dataset.train)}",
                "list more videos",
            )

    def _decode(self) -> None:
        """Fill the cache, so that a video that cannot be used is found before the training."""
        work = [(self.training, video) for video in self.dataset.train]
        work += [(self.testing, video) for video in self.dataset.test]
        self.progress.stage(f"decoding UCF101 into {self.cache}", len(work))
        for _ in ahead(lambda item: item[0].prepare(item[1]), work, self.workers, 4 * self.workers):
            self.progress.advance()

    def _clips(self, stage: Stage) -> Clips:
        return Clips(
            self.dataset.train,
            self.training,
            self.config.size,
            stage.frames,
            stage.clips,
            (self.config.seed, stage.number),
            self.workers,
        )

    def _train(self, model: Any, stage: Stage, title: str, *folder: str) -> None:
        checkpoints = self.output.joinpath("checkpoints", *folder, stage.name)
        train(model, stage, title, self._clips(stage), checkpoints, self.every, self.progress)

    def _finetune(self, model: Any) -> None:
        """Train the network for the task."""
        stage = stages.finetuning(self.config.finetune_epochs)
        if stage.epochs:
            self._train(model, stage, "fine-tuning")
        save_model(model, self.output / f"{stage.name}.keras")

    def _setup(self, name: str, finetuned: Any) -> dict[str, Any]:
        """Refine for one set-up, evaluate it, write its files."""
        keras.utils.set_random_seed(self.config.seed)  # whatever ran before in this process
        coarseness = self.config.coarseness or initial_coarseness(self.config.backbone)
        model = sparsify(
            finetuned,
            name,
            calibration=self._calibration(),
            coarseness=coarseness if SETUPS[name].counts == "changes" else 1.0,
            # Of values it is their magnitude, as in the paper.
            penalise=self.config.penalise if SETUPS[name].counts == "changes" else None,
            gradient=self.config.gradient,
        )
        for stage in stages.refinement(self.config.epochs):
            set_clip(model, stage.frames)
            weight = stages.weight(stage, self.config.penalty)
            set_penalty(model, weight if SETUPS[name].penalised else 0.0)
            self._train(model, stage, f"{name}, {stage.name}", name)
        evaluation = evaluate(
            model, self.dataset, self.testing, self.config.size, self.workers, name, self.progress
        )
        save_model(model, self.output / f"{name}.keras")
        result = as_json(name, evaluation, network_stages(model), self.dataset, asdict(self.config))
        write_json(self.output / f"{name}.json", result)
        return result

    def _calibration(self) -> Any:
        """The middle frames of training videos from all over the list, (N, size, size, 3)."""
        size, videos = self.config.size, self.dataset.train
        chosen = [videos[i] for i in np.unique(np.linspace(0, len(videos) - 1, CALIBRATION).astype(int))]

        def middle(video: Video) -> Any:
            images = self.training.images(video)
            return fit(decode([images[len(images) // 2]])[0], size, size, 3)

        return scaled(np.stack(list(ahead(middle, chosen, self.workers, 4 * self.workers))))
