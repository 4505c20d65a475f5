"""``stillframe train occupancy``: the experiment on a fixed camera, told on the terminal."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from .numbers import number

DIFFERENT = 1
DEFAULT_FOLDER = Path("build/occupancy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options. Imports nothing that takes long."""
    add = parser.add_argument
    add(
        "--clip",
        metavar="CLIP",
        default="vtest",
        help="a fixed camera's clip (default vtest, of the Debian package opencv-doc)",
    )
    add(
        "--seeds",
        metavar="N",
        type=number("--seeds", 1),
        default=3,
        help="networks for each line of the table (default 3)",
    )
    add("--epochs", metavar="N", type=number("--epochs", 1), help="of training for the task (default 25)")
    add(
        "--refinement",
        metavar="N",
        type=number("--refinement", 1),
        help="epochs of refinement, the same for each set-up (default 40)",
    )
    add("--array", metavar="BxL[@PART]", help="the accelerator (default 1x16@85F)")
    add("--no-curves", action="store_true", help="only the table, not the curves over the penalty's weight")
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=DEFAULT_FOLDER,
        help=f"folder for results and networks (default {DEFAULT_FOLDER}); what is there is not done again",
    )


def run(options: argparse.Namespace) -> int:
    """Train, measure, write the results; 0 if all outputs were equal, 1 if something differed."""
    from stillframe.run.files import check_folder
    from stillframe.video import open_clip

    check_folder("--output", options.output)
    clip = open_clip(options.clip)
    from stillframe.frontend.quiet import load_tensorflow

    tf = load_tensorflow()
    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()  # the same networks every time
    from stillframe.train.occupancy import Experiment, Plan, load, results

    from .terminal import make_console
    from .time_left import TimeLeft

    plan = Plan(seeds=options.seeds)
    given = {name: getattr(options, name) for name in ("epochs", "refinement", "array")}
    plan = replace(plan, **{name: value for name, value in given.items() if value is not None})
    if options.no_curves:
        plan = replace(plan, curves={})
    console = make_console()
    with TimeLeft(console) as terminal:
        dataset = load(clip, terminal)
        terminal.say(
            f"{len(dataset.train)} frames to train with, {len(dataset.test)} to test; "
            f"{dataset.test.maps.mean():.1%} of the test frames' cells are occupied"
        )
        rows = Experiment(plan, dataset, options.output / "networks", terminal).run()
    found = results.Results(rows, plan, dataset, shlex.join(["stillframe", *options.arguments]))
    files = found.write(options.output)
    console.print(found.table())
    for line in found.verdicts():
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"written: {', '.join(map(str, files))}", markup=False, highlight=False, soft_wrap=True)
    return DIFFERENT if found.mismatches else 0
