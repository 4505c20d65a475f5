"""``stillframe build``: a board's bitstream, with open tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stillframe.contract.boards import find_board

DOES_NOT_FIT = 1


def build(options: argparse.Namespace) -> int:
    """Make a bitstream; 0 if it fits and meets the board's clock, 1 if not."""
    board = find_board(options.board)
    config = board.config(options.array)
    seed = board.seed if options.seed is None else options.seed
    folder = options.output or Path("build") / f"{board.name}-{config.banks}x{config.lanes}"

    from stillframe.bitstreams import board_build
    from stillframe.bitstreams.report import format_report
    from stillframe.run import files

    from .boards import BITSTREAM
    from .terminal import Terminal, make_console

    files.check_folder("-o", folder)
    console = make_console()
    try:
        with Terminal(console) as terminal:
            bitstream = board_build.build_board(board, config, seed, terminal.stage)
    except board_build.DoesNotFit as error:
        print(f"stillframe: {error}", file=sys.stderr)
        return DOES_NOT_FIT
    report = bitstream.report
    console.print(format_report(report, config), markup=False, highlight=False, soft_wrap=True)
    if not report.meets:
        print(
            f"stillframe: {board.name}: expected {config.name} to run at {board.clock_mhz:g} MHz, nextpnr "
            f"gives {report.fmax:.1f} with seed {seed}; nothing was written\n"
            "  -> try another --seed, or a smaller --array",
            file=sys.stderr,
        )
        return DOES_NOT_FIT
    folder.mkdir(parents=True, exist_ok=True)
    files.write_bytes(folder / BITSTREAM, bitstream.bits)
    files.write_json(folder / "manifest.json", bitstream.manifest)
    written = f"written: {folder / BITSTREAM}, manifest.json"
    console.print(written, markup=False, highlight=False, soft_wrap=True)
    return 0
