"""What makes a run's result, and the folder that belongs to it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from stillframe.contract import StillframeError
from stillframe.run.files import write_json

from .dataset import Dataset

CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Config:
    """What makes the result, and must not change when a run goes on.

    Attributes:
        backbone: ``resnet50``, ``mobilenet`` or a ``.keras`` file.
        weights: ``imagenet``, a file, or None for random ones.
        size: Height and width of the network's input.
        finetune_epochs: Of training for the task alone, before the refinement.
        epochs: Of each of the two stages of refinement.
        penalty: Weight of the sparsity loss in the first stage; the second has a hundredth.
        penalise, gradient: As :func:`stillframe.train.sparsify` takes them; the former for changes only.
        coarseness: Initial steps in 1/255 of each tensor's range, for tensors whose changes count; None: the
            backbone's own.
        seed: Of everything random.
    """

    backbone: str = "resnet50"
    weights: str | None = "imagenet"
    size: int = 224
    finetune_epochs: int = 20
    epochs: int = 10
    penalty: float = 1.0
    penalise: str | None = "events"
    gradient: str = "lsq"
    coarseness: float | None = None
    seed: int = 1


def claim(folder: Path, config: Config, dataset: Dataset) -> None:
    """Make a run's folder, or see that the run in it had the same settings.

    Raises:
        StillframeError: It had others, or the folder cannot be made or read.
    """
    settings = {**asdict(config), **_digests(config, dataset)}
    path = folder / CONFIG_FILE
    if not path.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StillframeError(
                f"--output {folder}: expected a folder that can be made, got: {error.strerror}",
                "choose a folder that you may write to",
            ) from error
        write_json(path, settings)
        return
    try:
        there = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StillframeError(
            f"{path}: expected the settings of an earlier run, got a file that cannot be read",
            "choose another folder with --output",
        ) from error
    other = [name for name in {**there, **settings} if there.get(name) != settings.get(name)]
    if other:
        before, now = (", ".join(f"{n} {s.get(n)}" for n in other) for s in (there, settings))
        raise StillframeError(
            f"--output {folder}: expected the settings of the run that is there ({before}), got {now}",
            "give the same options to go on with it, or choose another folder with --output",
        )


def _digests(config: Config, dataset: Dataset) -> dict[str, str]:
    """Of the lists, and of the files that the network comes from."""
    names = [*dataset.classes, "train", *(video.name for video in dataset.train)]
    names += ["test", *(video.name for video in dataset.test)]
    digests = {"dataset": _digest("\n".join(names).encode())}
    for name in ("backbone", "weights"):
        path = Path(getattr(config, name) or "")
        if path.is_file():
            digests[f"{name}_file"] = _digest(path.read_bytes())
    return digests


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
