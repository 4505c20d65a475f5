"""``python -m stillframe.bitstreams fmax 1x16@25F``: does the accelerator fit, and how fast is it?"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence

from amaranth.lib import wiring

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.parts import PARTS, VIRTUAL
from stillframe.hw.choice import accelerator_of

from .estimate import MEASURED, MEASURED_ARRAYS
from .family import family_of
from .netlist import synthesise
from .place_and_route import DoesNotFit, place_and_route
from .report import format_report

EXAMPLE = "accelerator:Accelerator"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 if all is well, 1 if it does not fit or is too slow, 2 for a wrong use."""
    parser = argparse.ArgumentParser(prog="python -m stillframe.bitstreams", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    cells = commands.add_parser("cells", help="synthesise, and count cells")
    fmax = commands.add_parser("fmax", help="place and route, and give the clock and what limits it")
    commands.add_parser("measure", help=f"count the cells that estimates come from, into {MEASURED.name}")
    for command in (cells, fmax):
        command.add_argument("array", help="configuration, BxL@PART")
        command.add_argument(
            "--component",
            metavar="MODULE:CLASS",
            help="a part of stillframe.hw that takes the configuration (default: the whole accelerator)",
        )
    fmax.add_argument("--seed", type=int, default=1, help="seed of the placer (default: 1)")
    fmax.add_argument("--speed", type=int, default=6, choices=(6, 7, 8), help="speed grade (default: 6)")
    fmax.add_argument("--freq", type=float, help="MHz to reach (default: 100, of an iCE40 24)")
    fmax.add_argument(
        "--until-met",
        action="store_true",
        help="route what is late anew until nothing is (ECP5; without end where the clock is out of reach)",
    )
    options = parser.parse_args(arguments)
    try:
        if options.command == "measure":
            return _measure()
        config = ArrayConfig.parse(options.array)
        if config.part == VIRTUAL:
            raise StillframeError(
                f"array {config.name}: expected a part that exists, got {VIRTUAL}, which is simulated only",
                f"name one out of {', '.join(PARTS)}, for example {config.banks}x{config.lanes}@85F",
            )
        component = _component(options.component, config)
        if options.command == "cells":
            netlist = synthesise(component, family_of(config.part))
            print(f"{options.component or 'accelerator'} for {config.name}: {netlist.summary}")
            return 0
        report = place_and_route(
            component,
            part=config.part,
            speed=options.speed,
            seed=options.seed,
            freq=options.freq,
            until_met=options.until_met,
        )
    except DoesNotFit as error:
        print(error, file=sys.stderr)
        return 1
    except StillframeError as error:
        print(error, file=sys.stderr)
        return 2
    print(format_report(report, config))
    return 0 if report.meets else 1


def _measure() -> int:
    luts = {}
    for name in MEASURED_ARRAYS:
        luts[name] = synthesise(accelerator_of(ArrayConfig.parse(name))).utilisation.luts
        print(f"{name}: {luts[name]} LUTs", flush=True)
    MEASURED.write_text(json.dumps(luts, indent=1) + "\n")
    return 0


def _component(path: str | None, config: ArrayConfig) -> wiring.Component:
    if path is None:
        return accelerator_of(config)
    module, _, name = path.partition(":")
    try:
        kind = getattr(importlib.import_module(f"stillframe.hw.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise StillframeError(
            f"component {path!r}: expected MODULE:CLASS in stillframe.hw, got: {error}",
            f"for example --component {EXAMPLE} or --component requantiser:Requantiser",
        ) from error
    component: wiring.Component = kind(config)
    return component


if __name__ == "__main__":
    sys.exit(main())
