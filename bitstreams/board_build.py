"""From a board and an array to a bitstream with its manifest."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
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
from .family import family_of
from .floorplan import floorplan
from .flow import Flow, flow_of
from .netlist import TOP, Netlist, script
from .nextpnr import MARGIN_MHZ, UNTIL_MET, Stage, place_and_route_netlist
from .place_and_route import DoesNotFit, Report, read_report


@dataclass(frozen=True)
class Bitstream:
    """A bitstream.

    Attributes:
        bits: Its content, in the part's compressed form if it has one.
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
    with tempfile.TemporaryDirectory(prefix="stillframe-build-") as scratch:
        folder = Path(scratch)
        platform, flow, netlist = synthesise_board(board, config, folder, stage)
        sites = floorplan(netlist.cells, config.part)
        # With a plan their clock was met; where it is out of reach the router takes hours.
        options = [*flow.options(platform, seed), *([UNTIL_MET] if sites else [])]
        mhz = board.clock_mhz + MARGIN_MHZ
        try:
            place_and_route_netlist(flow.family.nextpnr, options, netlist.path, sites, mhz, stage)
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
            part=flow.part(platform),
            speed=int(getattr(platform, "speed", 0)),
            seed=seed,
            freq=board.clock_mhz,
        )
        stage("packing the bitstream")
        tools.run(flow.packer, flow.pack(platform), folder)
        bits = folder.joinpath(f"{TOP}.bit").read_bytes()
    return Bitstream(bits, report, _manifest(board, config, flow, report, bits))


def synthesise_board(
    board: Board, config: ArrayConfig, folder: Path, stage: Stage = lambda _: None
) -> tuple[Any, Flow, Netlist]:
    """The netlist of a bitstream, in a folder with the constraints of pins and clocks.

    Returns:
        The board's platform, its family's way on from here, the netlist.

    Raises:
        StillframeError: A tool is not installed.
    """
    with needs("amaranth-boards"):
        platform = platform_of(board)
    flow = flow_of(family_of(config.part))
    stage("elaborating the design")
    plan = platform.build(BoardDesign(board, config), name=TOP, do_build=False, emit_src=False)
    for file in (f"{TOP}.il", flow.constraints):
        text = plan.files[file]
        folder.joinpath(file).write_bytes(text.encode() if isinstance(text, str) else text)
    folder.joinpath("synthesis.ys").write_text(script(flow.family))
    stage("synthesis (Yosys)")
    tools.run(tools.YOSYS, ["synthesis.ys"], folder)
    return platform, flow, Netlist(folder / f"{TOP}.json", flow.family)


def _manifest(board: Board, config: ArrayConfig, flow: Flow, report: Report, bits: bytes) -> dict[str, Any]:
    return {
        "board": board.name,
        "part": flow.family.prefix + report.part,
        "speed_grade": report.speed or None,
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
        "tools": {tool: tools.version(tool) for tool in (tools.YOSYS, flow.family.nextpnr)},
        "sha256": hashlib.sha256(bits).hexdigest(),
        "command": f"stillframe build {board.name} --array {config.name} --seed {report.seed}",
    }
