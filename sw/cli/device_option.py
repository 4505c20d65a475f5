"""The option that says where to run, for all commands that run something."""

from __future__ import annotations

import argparse


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        metavar="NAME",
        default="sim",
        help="where to run: sim (default), serial (the board that is plugged in), serial:PORT[?baud=RATE], "
        "or simserial[:BOARD] (a board's design, simulated at its UART's pins)",
    )
