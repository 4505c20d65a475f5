"""``stillframe devices`` and ``stillframe flash``: the boards that are plugged in."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from stillframe.contract import StillframeError
from stillframe.contract.boards import BOARDS, Board, find_board

BITSTREAM = "bitstream.bit"
"""Name of the file, for every board."""


def devices(options: argparse.Namespace) -> int:
    """List the boards that are plugged in; 0 whether there are any or not."""
    from stillframe.driver.ports import list_boards

    found = list_boards()
    for port in found:
        serial = f", serial number {port.serial}" if port.serial else ""
        print(f"serial:{port.path}  {port.board.name}  {port.board.title}{serial}")
    if not found:
        print(f"no board is plugged in (known: {', '.join(BOARDS)}); sim is always there")
    return 0


def flash(options: argparse.Namespace) -> int:
    """Load a bitstream with the board's own loader; 0 if it says that all went well.

    Raises:
        StillframeError: There is no such board or file, the loader is not installed, or it fails.
    """
    board = find_board(options.board)
    file: Path = options.bitstream or ready_folder(board) / BITSTREAM
    if not file.is_file():
        ready = "a file" if options.bitstream else f"the ready bitstream of {board.array}"
        raise StillframeError(
            f"bitstream {file}: expected {ready}, got none",
            f"make it: stillframe build {board.name}, then stillframe flash {board.name} --bitstream FILE",
        )
    loader = shutil.which(board.flash[0])
    if not loader:
        raise StillframeError(
            f"flash: expected the program {board.flash[0]}, got none",
            f"install it (Debian: apt install {board.flash[0].lower()}), or load {file} with another",
        )
    done = subprocess.run([loader, *board.flash[1:], str(file)], check=False)
    if done.returncode:
        raise StillframeError(
            f"flash {board.name}: expected {board.flash[0]} to load {file}, it ended with {done.returncode}",
            "its message is above; is the board plugged in, and may you use USB devices?",
        )
    return 0


def ready_folder(board: Board) -> Path:
    """Where the board's ready bitstream lies, with its manifest, if it was shipped."""
    spec = find_spec("stillframe.bitstreams")  # not imported: loading a file needs no synthesis
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / f"{board.name}-{board.array.partition('@')[0]}"
