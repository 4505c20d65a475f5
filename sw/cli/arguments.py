"""The arguments of each command. Nothing here imports more than the contracts."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from stillframe import __version__
from stillframe.contract import StillframeError
from stillframe.contract.boards import BOARDS
from stillframe.video.value_range import ValueRange

from . import bench, live, train_occupancy, train_ucf101
from .device_option import add_device
from .numbers import number

MODES = ("auto", "delta", "direct", "dense")

MODEL_HELP = (
    "a .keras, .h5 or int8 .tflite file, a SavedModel folder, or a built-in example: pnet, occupancy or "
    "occupancy-baseline"
)
CLIP_HELP = "a video file, a folder of images, camera:N, or a built-in example: carphone, bikes or vtest"


class Parser(argparse.ArgumentParser):
    """Reports what is wrong as the one exception that the command line knows."""

    def error(self, message: str) -> NoReturn:
        raise StillframeError(f"command line: {message}", f"see {self.prog} --help")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Options as attributes, ``command`` among them.

    Raises:
        StillframeError: An option, command or value is unknown or missing.
        SystemExit: ``--help`` or ``--version`` was asked for and has been printed.
    """
    parser = Parser(
        prog="stillframe",
        description="Runs video CNNs on an accelerator that computes only what changed since the last frame.",
        epilog="Exit status: 0 all equal (check: it fits), 1 something differed (it does not fit), 2 the "
        "input or its use is wrong.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"stillframe {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    _run(
        commands.add_parser(
            "run", help="stream a clip through a model and check every output", allow_abbrev=False
        )
    )
    watch = commands.add_parser(
        "live", help="watch a camera or clip run, in the terminal and in a browser", allow_abbrev=False
    )
    _compiling(watch)
    live.add_arguments(watch, CLIP_HELP)
    _compile(commands.add_parser("compile", help="make a program file from a model", allow_abbrev=False))
    _check(
        commands.add_parser(
            "check",
            help="whether a model fits an array, layer by layer, and if not, what to do",
            allow_abbrev=False,
        )
    )
    benchmarks = bench.add_commands(
        commands.add_parser(
            "bench", help="what the cycles are worth: by density, network, clip and array", allow_abbrev=False
        ),
        Parser,
    )
    _build(
        commands.add_parser(
            "build", help="make the bitstream of an array for a board, with open tools", allow_abbrev=False
        )
    )
    commands.add_parser("devices", help="list the boards that are plugged in", allow_abbrev=False)
    _flash(commands.add_parser("flash", help="load a bitstream into a board", allow_abbrev=False))
    commands.add_parser(
        "doctor", help="what is installed, what is missing, how to get it", allow_abbrev=False
    )
    experiments = _train(
        commands.add_parser("train", help="train networks that change less (experiments)", allow_abbrev=False)
    )
    options, unknown = parser.parse_known_args(_join_range(arguments))
    if unknown:
        command: argparse.ArgumentParser = commands.choices[options.command]
        if options.command == "train":
            command = experiments[options.experiment]
        elif options.command == "bench":
            command = benchmarks[options.benchmark]
        known = [name for action in command._actions for name in action.option_strings]
        near = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1)
        raise StillframeError(
            f"command line: expected options of {command.prog}, got {' '.join(unknown)}",
            f"did you mean {near[0]}?" if near else f"see {command.prog} --help",
        )
    options.arguments = list(arguments)
    return options


def _join_range(arguments: Sequence[str]) -> list[str]:
    """Write ``--input-range -1,1`` as one word, since argparse takes -1,1 for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--input-range":
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _compiling(parser: argparse.ArgumentParser) -> None:
    """Options that say how a model becomes a program."""
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--array",
        metavar="BxL[@PART]",
        help="banks x lanes a bank, with the memories of an LFE5U PART: 25F, 45F, 85F; or virtual: larger "
        "than any part, simulated only (default: what the board is that --device names, otherwise "
        "1x16@85F); behind it :MEMORY=WORDS,.. if the part's block RAM is to be shared out otherwise",
    )
    parser.add_argument(
        "--threshold",
        metavar="T",
        type=number("--threshold", 0, 255),
        help="codes by which a value may differ from the last one sent, unsent (default 0: exact)",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        help="compute from changes, non-zero values or all values; auto chooses for each layer (default)",
    )
    parser.add_argument(
        "--input-range",
        metavar="LO,HI",
        type=ValueRange.parse,
        help="values that pixels 0 and 255 stand for; otherwise inferred from the input's quantisation",
    )
    parser.add_argument(
        "--split",
        metavar="[FIRST:]LAST",
        help="last layer on the array, perhaps the first too; the others run on the host (otherwise chosen)",
    )
    parser.add_argument(
        "--pin",
        metavar="LAYER=MODE",
        action="append",
        default=[],
        type=_pin,
        help="delta or direct for a layer, whatever the plan would be; may be given more than once",
    )


def _pin(text: str) -> tuple[str, str]:
    """A layer and its mode, out of ``LAYER=MODE``."""
    layer, equals, mode = text.rpartition("=")
    if not equals or not layer or mode not in ("delta", "direct"):
        raise StillframeError(
            f"--pin: expected LAYER=delta or LAYER=direct, got {text!r}",
            "stillframe check shows the names of the layers",
        )
    return layer, mode


def _run(parser: argparse.ArgumentParser) -> None:
    _compiling(parser)
    parser.add_argument("clip", metavar="CLIP", help=CLIP_HELP)
    parser.add_argument(
        "--frames", metavar="N", type=number("--frames", 1), help="frames to run (default all)"
    )
    parser.add_argument(
        "--start", metavar="K", type=number("--start", 0), default=0, help="first frame, from 0"
    )
    parser.add_argument(
        "--beside", metavar="MODEL", help="run another model on the same frames, and say what this one saves"
    )
    add_device(parser)
    parser.add_argument("--no-verify", action="store_true", help="do not compare with the golden model")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all counts as JSON")
    parser.add_argument(
        "--outputs", metavar="FILE.npz", type=Path, help="write input and output codes of all frames"
    )
    parser.add_argument("--report", metavar="DIR", type=Path, help="write an HTML page to look at into DIR")


def _compile(parser: argparse.ArgumentParser) -> None:
    _compiling(parser)
    parser.add_argument(
        "--calibrate",
        metavar="CLIP",
        help=f"frames to calibrate with, which an int8 model needs for nothing but --mode auto: {CLIP_HELP}",
    )
    parser.add_argument(
        "-o", "--output", metavar="PROGRAM", type=Path, required=True, help="program file to write"
    )
    parser.add_argument("--save-tflite", metavar="FILE", type=Path, help="write the int8 model too")


def _check(parser: argparse.ArgumentParser) -> None:
    _compiling(parser)
    parser.add_argument(
        "--calibrate",
        metavar="CLIP",
        help=f"frames to calibrate with and to plan by; without, the conversion takes noise: {CLIP_HELP}",
    )
    parser.add_argument(
        "--board",
        metavar="BOARD",
        help=f"whether the array fits a board too: {', '.join(BOARDS)} (its ready array if none is named)",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything as JSON")


def _build(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help=f"one out of {', '.join(BOARDS)}")
    parser.add_argument(
        "--array", metavar="BxL[@PART]", help="banks x lanes a bank (default: that of the ready bitstream)"
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=number("--seed", 0),
        help="of the placer (default: that of the ready bitstream)",
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="folder to write (default build/BOARD-ARRAY)"
    )


def _flash(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help=f"one out of {', '.join(BOARDS)}")
    parser.add_argument(
        "--bitstream", metavar="FILE", type=Path, help="what to load (default: the ready bitstream)"
    )


def _train(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The experiments, by name."""
    commands = parser.add_subparsers(
        dest="experiment", required=True, metavar="EXPERIMENT", parser_class=Parser
    )
    occupancy = commands.add_parser(
        "occupancy",
        help="four ways to train a small network for a fixed camera, and what each saves in cycles",
        allow_abbrev=False,
    )
    train_occupancy.add_arguments(occupancy)
    ucf101 = commands.add_parser(
        "ucf101", help="ResNet-50 or MobileNet on UCF101, as in the paper", allow_abbrev=False
    )
    train_ucf101.add_arguments(ucf101)
    return {"occupancy": occupancy, "ucf101": ucf101}
