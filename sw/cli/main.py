"""Entry point: picks the command, turns errors into one message and the exit status.

Exit status: 0 all equal (``check``, ``build``: it fits), 1 something differed (it does not fit), 2 the input
or its use is wrong, 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

from stillframe.contract import StillframeError

from .arguments import parse

WRONG_USE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """What the program ``stillframe`` does, as a process of its own.

    Args:
        arguments: Command line without the program's name; ``sys.argv`` by default.
    """
    if not sys.warnoptions:  # warnings are for developers, who ask for them with -W
        warnings.simplefilter("ignore")
    return execute(sys.argv[1:] if arguments is None else arguments)


def execute(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit status; errors become one message on stderr."""
    try:
        options = parse(arguments)
        match options.command:
            case "run":
                from .run import run as command
            case "live":
                from .live import live as command
            case "compile":
                from .compile import compile_program as command
            case "check":
                from .check import check as command
            case "bench":
                from .bench import bench as command
            case "train":
                from .train import train as command
            case "build":
                from .build import build as command
            case "devices":
                from .boards import devices as command
            case "flash":
                from .boards import flash as command
            case _:
                from .doctor import doctor as command
        return command(options)
    except StillframeError as error:
        print(f"stillframe: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("stillframe: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
