"""From a board and an array to a bitstream with its manifest."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stillframe.contract import ArrayConfig
from stillframe.contract.boards import Board
from stillframe.contract.memory_map import PROTOCOL_VERSION
from stillframe.contract.program import FORMAT_VERSION
from stillframe.hw.boards.design import BoardDesign, platform_of
from stillframe.requirements import needs

from . import tools
from .family import ECP5
from .netlist import TOP, Netlist, script
from .place_and_route import DoesNotFit, Report, read_report

IDCODES = {"LFE5U-12F": "0x21111043"}
"""Parts that nextpnr knows by another name, and what they call themselves."""

PACKAGES = {"BG": "CABGA", "MG": "CSFBGA"}
"""Lattice's names of packages, by the letters that part numbers have."""

Stage = Callable[[str], None]
"""Takes the name of the stage that begins."""


@dataclass(frozen=True)
class Bitstream:
    """A bitstream.

    Attributes:
        bits: Its content, in the part's compressed form.
        report: What nextpnr says of it.
        manifest: What it is and how it is made again, as JSON.
    """

    bits: bytes
    report: Report
    manifest: Mapping[str, Any]


def build_board(board: Board, config: ArrayConfig, seed: int, stage: Stage = lambda _: None) -> Bitstream:
    """Make the bitstream of an array for a board. The same arguments and tools give the same bits.

    Raises:
        DoesNotFit: The part is too small.
        StillframeError: A tool is not installed.
    """
    with needs("amaranth-boards"):
        platform = platform_of(board)
    with tempfile.TemporaryDirectory(prefix="stillframe-build-") as scratch:
        folder = Path(scratch)
        stage("elaborating the design")
        plan = platform.build(BoardDesign(board, config), name=TOP, do_build=False, emit_src=False)
        for file in (f"{TOP}.il", f"{TOP}.lpf"):
            text = plan.files[file]
            folder.joinpath(file).write_bytes(text.encode() if isinstance(text, str) else text)
        folder.joinpath("synthesis.ys").write_text(script(ECP5))
        stage("synthesis (Yosys)")
        tools.run(tools.YOSYS, ["synthesis.ys"], folder)
        netlist = Netlist(folder / f"{TOP}.json")
        stage("place and route (nextpnr)")
        options = _ecp5_options(platform, seed)
        try:
            tools.run(tools.NEXTPNR, options, folder)
        except tools.ToolError as error:
            raise DoesNotFit(
                f"{board.name}: expected {config.name} to fit its {platform.device}, "
                f"nextpnr says: {error.message}",
                f"choose a smaller array (--array); synthesised: {netlist.summary}",
            ) from error
        report = read_report(
            json.loads((folder / "report.json").read_bytes()),
            netlist,
            name=board.name,
            part=platform.device.removeprefix("LFE5U-"),
            speed=int(platform.speed),
            seed=seed,
            freq=board.clock_mhz,
        )
        stage("packing the bitstream")
        idcode = [f"--idcode={IDCODES[platform.device]}"] if platform.device in IDCODES else []
        tools.run(tools.ECPPACK, ["--compress", *idcode, f"--input={TOP}.config", f"--bit={TOP}.bit"], folder)
        bits = folder.joinpath(f"{TOP}.bit").read_bytes()
    return Bitstream(bits, report, _manifest(board, config, report, bits))


def _ecp5_options(platform: Any, seed: int) -> list[str]:
    size = platform.device.removeprefix("LFE5U-").removesuffix("F")
    return [
        f"--{size}k",
        f"--package={PACKAGES[platform.package[:2]]}{platform.package[2:]}",
        f"--speed={platform.speed}",
        f"--seed={seed}",
        f"--json={TOP}.json",
        f"--lpf={TOP}.lpf",
        f"--textcfg={TOP}.config",
        "--report=report.json",
        "--timing-allow-fail",
    ]


def _manifest(board: Board, config: ArrayConfig, report: Report, bits: bytes) -> dict[str, Any]:
    return {
        "board": board.name,
        "part": f"LFE5U-{report.part}",
        "speed_grade": report.speed,
        "array": config.name,
        "configuration": config.as_dict(),
        "protocol_version": PROTOCOL_VERSION,
        "program_format_version": FORMAT_VERSION,
        "clock_mhz": board.clock_mhz,
        "fmax_mhz": round(report.fmax, 2),
        "baud": board.baud,
        "seed": report.seed,
        "cells": {kind: {"used": used, "available": there} for kind, (used, there) in report.used.items()},
        "critical_path": [asdict(hop) for hop in report.path],
        "tools": {tool: tools.version(tool) for tool in (tools.YOSYS, tools.NEXTPNR)},
        "sha256": hashlib.sha256(bits).hexdigest(),
        "command": f"stillframe build {board.name} --array {config.name} --seed {report.seed}",
    }
