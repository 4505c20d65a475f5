"""The families of FPGAs: what differs between them on the way from a component to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stillframe.contract.parts import COMPACT

from . import tools
from .no_board import NoBoard, NoIce40Board


@dataclass(frozen=True)
class Family:
    """A family.

    Attributes:
        platform: Says to components which primitives there are.
        synth: Yosys' command.
        nextpnr: The tool.
        device: nextpnr's options for a part and a speed grade.
        prefix: With a part behind it, its whole name.
        cells: Titles of what a netlist consists of, by the beginnings of Yosys' names, in the order of a
            list; none for ECP5s, of which :class:`~.netlist.Utilisation` says more.
        resources: Titles of what a part has, by nextpnr's names, in the order of a table.
        freq: MHz that designs are expected to reach.
    """

    platform: Callable[[], Any]
    synth: str
    nextpnr: str
    device: Callable[[str, int], list[str]]
    prefix: str
    cells: Mapping[str, str]
    resources: Mapping[str, str]
    freq: float


ECP5 = Family(
    platform=NoBoard,
    synth="synth_ecp5",
    nextpnr=tools.NEXTPNR,
    device=lambda part, speed: [
        f"--{part.removesuffix('F')}k",
        "--package=CABGA381",
        f"--speed={speed}",
        "--lpf-allow-unconstrained",
    ],
    prefix="LFE5U-",
    cells={},
    resources={
        "TRELLIS_COMB": "LUTs",
        "TRELLIS_FF": "FFs",
        "MULT18X18D": "multipliers",
        "DP16KD": "block RAMs",
    },
    freq=100,
)

ICE40 = Family(
    platform=NoIce40Board,
    # Multipliers are not inferred (-dsp): that would rewrite those that the design instantiates.
    synth="synth_ice40 -device u",
    nextpnr=tools.NEXTPNR_ICE40,
    device=lambda part, speed: ["--up5k", "--package=sg48", "--pcf-allow-unconstrained"],
    prefix="iCE40",
    cells={
        "SB_LUT4": "LUTs",
        "SB_CARRY": "carries",
        "SB_DFF": "FFs",
        "SB_MAC16": "multipliers",
        "SB_RAM40_4K": "block RAMs",
        "SB_SPRAM256KA": "SPRAMs",
    },
    resources={
        "ICESTORM_LC": "logic cells",
        "ICESTORM_DSP": "multipliers",
        "ICESTORM_RAM": "block RAMs",
        "ICESTORM_SPRAM": "SPRAMs",
    },
    freq=24,
)


def family_of(part: str) -> Family:
    """The family of a part, by the name that arrays have for it."""
    return ICE40 if part == COMPACT else ECP5
