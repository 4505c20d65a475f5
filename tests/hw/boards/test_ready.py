"""The ready bitstreams: of today's arrays and protocol, and what this project makes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from stillframe import bitstreams
from stillframe.bitstreams import tools
from stillframe.bitstreams.board_build import build_board
from stillframe.cli.boards import BITSTREAM, ready_folder
from stillframe.contract import ArrayConfig
from stillframe.contract.boards import BOARDS
from stillframe.contract.memory_map import PROTOCOL_VERSION
from stillframe.contract.program import FORMAT_VERSION

DOCS = Path(__file__).parents[3] / "docs" / "boards.md"
SHIPPED = sorted(Path(bitstreams.__path__[0]).glob("*/manifest.json"))


def manifest_of(name: str) -> dict[str, Any]:
    """The manifest of a board's ready bitstream."""
    manifest: dict[str, Any] = json.loads((ready_folder(BOARDS[name]) / "manifest.json").read_text())
    return manifest


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_a_ready_bitstream_is_of_today(path: Path) -> None:
    manifest = json.loads(path.read_text())
    board = BOARDS[manifest["board"]]
    config = ArrayConfig.parse(board.array)
    assert path.parent == ready_folder(board)
    assert sorted(file.name for file in path.parent.iterdir()) == [BITSTREAM, "manifest.json"]
    assert hashlib.sha256((path.parent / BITSTREAM).read_bytes()).hexdigest() == manifest["sha256"]
    assert manifest["protocol_version"] == PROTOCOL_VERSION
    assert manifest["program_format_version"] == FORMAT_VERSION
    assert (manifest["array"], manifest["configuration"]) == (config.name, config.as_dict())
    assert [manifest[key] for key in ("clock_mhz", "baud", "seed")] == [
        board.clock_mhz,
        board.baud,
        board.seed,
    ]
    assert manifest["fmax_mhz"] >= board.clock_mhz
    assert f"{manifest['fmax_mhz']:g} MHz" in DOCS.read_text()


@pytest.mark.parametrize(
    "name",
    [
        "icebreaker",
        *(pytest.param(name, marks=pytest.mark.full) for name in ("ulx3s-25f", "ulx3s-12f", "ulx3s-85f")),
    ],
)
def test_one_is_made_again(name: str) -> None:
    """Bit for bit, with the tools that it was made with; of the smallest one always."""
    board, manifest = BOARDS[name], manifest_of(name)
    installed = {tool: tools.version(tool) for tool in manifest["tools"]}
    if installed != manifest["tools"]:
        pytest.skip(f"made with {manifest['tools']}, installed are {installed}")
    again = build_board(board, ArrayConfig.parse(board.array), board.seed)
    assert again.manifest == manifest
    assert again.bits == (ready_folder(board) / BITSTREAM).read_bytes()
