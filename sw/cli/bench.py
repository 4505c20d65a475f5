"""``stillframe bench``: what the cycles are worth, told on the terminal."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stillframe.bench.defaults import (
    CHANNELS,
    COUNTED,
    DENSITIES,
    FRAMES,
    REPEATS,
    SIZE,
    SPEED_FRAMES,
    START,
)
from stillframe.contract import ArrayConfig, StillframeError

from .numbers import number

DIFFERENT = 1
DEFAULT_ARRAYS = {"density": "1x16@virtual", "networks": "1x16", "simulation": "1x16"}
"""An 85F has no room for the weights of 64 channels."""

DEFAULT_FOLDER = Path("build/bench")


def add_commands(parser: argparse.ArgumentParser, kind: type[argparse.ArgumentParser]) -> Mapping[str, Any]:
    """Add the benchmarks; gives their parsers by name. Imports nothing that takes long."""
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK", parser_class=kind)
    density = commands.add_parser(
        "density", help="utilisation against density, of single convolutions", allow_abbrev=False
    )
    _common(density, "density")
    density.add_argument(
        "--channels",
        metavar="N",
        type=number("--channels", 1, 512),
        action="append",
        help="of input and output; may be given more than once (default 16, 32 and 64)",
    )
    density.add_argument(
        "--density",
        metavar="D",
        type=_share,
        action="append",
        help="share of the inputs that change; may be given more than once (default seven from 0.02 to 1)",
    )
    density.add_argument(
        "--size",
        metavar="N",
        type=number("--size", 4, 256),
        default=SIZE,
        help=f"rows and columns (default {SIZE})",
    )
    density.add_argument(
        "--frames",
        metavar="N",
        type=number("--frames", 1),
        default=COUNTED,
        help=f"frames that are counted (default {COUNTED})",
    )
    networks = commands.add_parser(
        "networks", help="networks on clips on arrays, in every mode", allow_abbrev=False
    )
    networks.add_argument("model", metavar="MODEL", nargs="+", help="as for stillframe run")
    networks.add_argument(
        "--clip",
        metavar="CLIP",
        action="append",
        required=True,
        help="as for stillframe run; may be given more than once",
    )
    _common(networks, "networks")
    networks.add_argument(
        "--frames",
        metavar="N",
        type=number("--frames", 2),
        default=FRAMES,
        help=f"frames of each clip (default {FRAMES})",
    )
    networks.add_argument(
        "--start", metavar="K", type=number("--start", 0), default=START, help="first frame, from 0"
    )
    networks.add_argument(
        "--threshold",
        metavar="T",
        type=number("--threshold", 0, 255),
        default=0,
        help="codes by which a value may differ from the last one sent, unsent (default 0: exact)",
    )
    simulation = commands.add_parser(
        "simulation", help="cycles a second of the simulated accelerator", allow_abbrev=False
    )
    simulation.add_argument(
        "model", metavar="MODEL", nargs="?", default="pnet", help="as for stillframe run (default pnet)"
    )
    simulation.add_argument(
        "clip", metavar="CLIP", nargs="?", default="carphone", help="as for stillframe run (default carphone)"
    )
    _common(simulation, "simulation")
    simulation.add_argument(
        "--frames",
        metavar="N",
        type=number("--frames", 1),
        default=SPEED_FRAMES,
        help=f"frames, the first a key frame (default {SPEED_FRAMES})",
    )
    simulation.add_argument(
        "--repeat",
        metavar="N",
        type=number("--repeat", 1),
        default=REPEATS,
        help=f"times that they are run, of which the fastest counts (default {REPEATS})",
    )
    return {"density": density, "networks": networks, "simulation": simulation}


def _common(parser: argparse.ArgumentParser, benchmark: str) -> None:
    parser.add_argument(
        "--array",
        metavar="BxL[@PART]",
        action="append",
        help=f"array to simulate; may be given more than once (default {DEFAULT_ARRAYS[benchmark]})",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=DEFAULT_FOLDER,
        help=f"folder for JSON and figures (default {DEFAULT_FOLDER})",
    )


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if 0 < value <= 1:
        return value
    raise StillframeError(
        f"--density: expected a share above 0 and up to 1, got {text!r}", "change the number"
    )


def bench(options: argparse.Namespace) -> int:
    """Run the benchmark that the options name; 0, or 1 if an output differed."""
    from stillframe.run.files import check_folder

    check_folder("--output", options.output)
    arrays = [
        ArrayConfig.parse(text)
        for text in dict.fromkeys(options.array or [DEFAULT_ARRAYS[options.benchmark]])
    ]
    benchmarks: dict[str, Callable[[argparse.Namespace, list[ArrayConfig]], int]] = {
        "density": _density,
        "networks": _networks,
        "simulation": _simulation,
    }
    return benchmarks[options.benchmark](options, arrays)


def _density(options: argparse.Namespace, arrays: list[ArrayConfig]) -> int:
    from stillframe.bench import density, figures, tables

    from .terminal import make_console
    from .time_left import TimeLeft

    console = make_console()
    with TimeLeft(console) as terminal:
        points = density.sweep(
            arrays,
            options.channels or CHANNELS,
            options.density or DENSITIES,
            options.size,
            options.frames,
            terminal,
        )
    console.print(tables.density_table(points))
    comparisons = [point.comparison for point in points]
    for line in tables.verdicts(comparisons):
        console.print(line, highlight=False, soft_wrap=True)
    content = {"size": options.size, "points": [point.as_json() for point in points]}
    files = [_write(options, density.SCHEMA, content)]
    files.append(figures.save(figures.density_figure(points), options.output / "density.svg"))
    _say(console, files)
    return DIFFERENT if any(c.mismatches for c in comparisons) else 0


def _networks(options: argparse.Namespace, arrays: list[ArrayConfig]) -> int:
    from stillframe.bench import figures, networks, tables

    from .terminal import make_console
    from .time_left import TimeLeft

    plan = networks.Plan(
        models=options.model,
        clips=options.clip,
        arrays=arrays,
        start=options.start,
        frames=options.frames,
        threshold=options.threshold,
    )
    console = make_console()
    with TimeLeft(console) as terminal:
        comparisons = networks.measure(plan, terminal)
    console.print(tables.networks_table(comparisons))
    for line in tables.verdicts(comparisons):
        console.print(line, highlight=False, soft_wrap=True)
    content = {
        "start": plan.start,
        "frames": plan.frames,
        "runs": [comparison.as_json() for comparison in comparisons],
    }
    files = [_write(options, networks.SCHEMA, content)]
    files += figures.network_figures(comparisons, options.output)
    _say(console, files)
    return DIFFERENT if any(c.mismatches for c in comparisons) else 0


def _simulation(options: argparse.Namespace, arrays: list[ArrayConfig]) -> int:
    from stillframe.bench import simulation, tables

    from .terminal import Terminal, make_console

    console = make_console()
    with Terminal(console) as terminal:
        speeds = simulation.measure(
            options.model, options.clip, arrays, options.frames, options.repeat, terminal
        )
    console.print(tables.speed_table(speeds))
    content = {"frames": options.frames, "runs": [speed.as_json() for speed in speeds]}
    _say(console, [_write(options, simulation.SCHEMA, content)])
    return 0


def _write(options: argparse.Namespace, schema: str, content: Mapping[str, Any]) -> Path:
    """Write a benchmark's JSON; gives its path."""
    from stillframe.run.files import write_json

    options.output.mkdir(parents=True, exist_ok=True)
    path = Path(options.output / f"{options.benchmark}.json")
    write_json(path, {"schema": schema, "command": shlex.join(["stillframe", *options.arguments]), **content})
    return path


def _say(console: Any, files: list[Path]) -> None:
    console.print(f"written: {', '.join(map(str, files))}", markup=False, highlight=False, soft_wrap=True)
