"""``stillframe train ucf101``: the paper's experiment, told on the terminal."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import Any

from stillframe.contract import StillframeError

from .numbers import number

INTERRUPTED = 130
SETUPS = ("baseline", "spatial", "spatial-input-delta", "temporal")
PENALISE = ("magnitude", "levels", "events")
GRADIENTS = ("surrogate", "lsq")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options. Imports nothing that takes long."""
    add = parser.add_argument
    add(
        "--data", metavar="DIR", type=Path, required=True, help="folder with UCF101's videos in class folders"
    )
    add(
        "--splits", metavar="DIR", type=Path, help="folder ucfTrainTestlist (default: in --data or beside it)"
    )
    add("--split", metavar="N", type=number("--split", 1, 3), default=1, help="official split (default 1)")
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("build/ucf101"),
        help="for networks, results and checkpoints; an interrupted run goes on (default build/ucf101)",
    )
    add(
        "--setup",
        nargs="+",
        choices=SETUPS,
        default=["temporal"],
        help="the paper's set-ups to train, one after the other (default temporal)",
    )
    add("--backbone", default="resnet50", help="resnet50 (default), mobilenet, or a .keras file with logits")
    add(
        "--weights",
        metavar="W",
        help="imagenet (downloaded; default for a named backbone), none, or a file of the same network",
    )
    add(
        "--size",
        metavar="N",
        type=number("--size", 8, 1024),
        default=224,
        help="height and width of the input (default 224)",
    )
    add(
        "--finetune-epochs",
        metavar="N",
        type=number("--finetune-epochs", 0),
        help="training for the task alone before the refinement (default 20; 0 with a file of weights)",
    )
    add(
        "--epochs",
        metavar="N",
        type=number("--epochs", 1),
        default=10,
        help="of each of the two stages of refinement (default 10)",
    )
    add(
        "--penalty",
        metavar="W",
        type=_real("--penalty", or_zero=True),
        default=1.0,
        help="weight of the sparsity loss in clips of 8 frames; a hundredth in clips of 2 (default 1)",
    )
    add(
        "--penalise",
        choices=PENALISE,
        default="events",
        help="what the sparsity loss sums of changes (default events); of values it is the magnitude",
    )
    add("--gradient", choices=GRADIENTS, default="lsq", help="what the steps learn by (default lsq)")
    add(
        "--coarseness",
        metavar="Q",
        type=_real("--coarseness"),
        help="steps to begin with, in 1/255 of a tensor's range (default 3.5 for resnet50, else 1)",
    )
    add("--seed", metavar="N", type=number("--seed", 0), default=1, help="of everything random (default 1)")
    add(
        "--cache",
        metavar="DIR",
        type=Path,
        help="folder for decoded frames, some 60 GB at 224; runs may share it (default OUTPUT/cache)",
    )
    workers = os.cpu_count() or 1
    add(
        "--workers",
        metavar="N",
        type=number("--workers", 1),
        default=workers,
        help=f"threads that decode (default {workers})",
    )
    add(
        "--checkpoint-every",
        metavar="N",
        type=number("--checkpoint-every", 1),
        default=200,
        help="steps from checkpoint to checkpoint (default 200)",
    )


def run(options: argparse.Namespace) -> int:
    """Train, evaluate, print the table; 0, or 130 if interrupted. The same command again goes on then."""
    from stillframe.run.files import check_folder

    from .terminal import make_console
    from .time_left import TimeLeft

    weights = _weights(options)
    check_folder("--output", options.output)
    _load_tensorflow()
    from stillframe.train.ucf101 import Config, Recipe, open_dataset
    from stillframe.train.ucf101.results import by_class, table

    from_scratch = weights in (None, "imagenet")
    config = Config(
        backbone=options.backbone,
        weights=weights,
        size=options.size,
        finetune_epochs=(20 if from_scratch else 0)
        if options.finetune_epochs is None
        else options.finetune_epochs,
        epochs=options.epochs,
        penalty=options.penalty,
        penalise=options.penalise,
        gradient=options.gradient,
        coarseness=options.coarseness,
        seed=options.seed,
    )
    dataset = open_dataset(options.data, options.splits, options.split)
    console = make_console()
    try:
        with TimeLeft(console) as terminal:
            results = Recipe(
                config,
                dataset,
                options.output,
                options.cache or options.output / "cache",
                workers=options.workers,
                every=options.checkpoint_every,
                progress=terminal,
            ).run(options.setup)
    except KeyboardInterrupt:
        print("stillframe: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return INTERRUPTED
    console.print(table(results, Path(options.backbone).stem))
    for result in results:
        console.print(by_class(result), markup=False, highlight=False, soft_wrap=True)
    console.print(f"results and networks: {options.output}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _load_tensorflow() -> None:
    from stillframe.frontend.quiet import load_tensorflow

    tf = load_tensorflow()
    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()  # then what is resumed ends with the same weights


def _weights(options: argparse.Namespace) -> str | None:
    if options.backbone.endswith(".keras"):
        if options.weights:
            raise StillframeError(
                f"--weights {options.weights}: expected none with --backbone {options.backbone}, "
                "which has its own",
                "leave it out",
            )
        return None
    return None if options.weights == "none" else options.weights or "imagenet"


def _real(option: str, or_zero: bool = False) -> Any:
    """A reader of finite numbers above 0 (or from 0)."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isfinite(value) and (value > 0 or (or_zero and value == 0)):
            return value
        expected = "a number of 0 or more" if or_zero else "a number above 0"
        raise StillframeError(f"{option}: expected {expected}, got {text!r}", "change the number")

    return read
