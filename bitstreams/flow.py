"""From a board's netlist to its bitstream: what differs between the families of FPGAs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import tools
from .family import ECP5, ICE40, Family
from .netlist import TOP

IDCODES = {"LFE5U-12F": "0x21111043"}
"""Parts that nextpnr knows by another name, and what they call themselves."""

PACKAGES = {"BG": "CABGA", "MG": "CSFBGA"}
"""Lattice's names of packages, by the letters that part numbers of ECP5s have."""


@dataclass(frozen=True)
class Flow:
    """A family's way, in the names of files that lie in one folder.

    Attributes:
        family: The family.
        constraints: The file of pins and clocks that Amaranth's platform writes.
        route: nextpnr's options for a platform, but for those that all families have.
        packer: The tool that packs what nextpnr has routed into ``TOP``.bit.
        pack: Its arguments for a platform.
    """

    family: Family
    constraints: str
    route: Callable[[Any], list[str]]
    packer: str
    pack: Callable[[Any], list[str]]

    def options(self, platform: Any, seed: int) -> list[str]:
        """All of nextpnr's options but the netlist."""
        common = [f"--seed={seed}", "--report=report.json", "--timing-allow-fail"]
        return [*self.route(platform), *common]

    def part(self, platform: Any) -> str:
        """The part, as reports have it."""
        return str(platform.device).removeprefix(self.family.prefix)


def _route_ecp5(platform: Any) -> list[str]:
    size = platform.device.removeprefix("LFE5U-").removesuffix("F")
    package = f"{PACKAGES[platform.package[:2]]}{platform.package[2:]}"
    return [
        f"--{size}k",
        f"--package={package}",
        f"--speed={platform.speed}",
        f"--lpf={TOP}.lpf",
        f"--textcfg={TOP}.config",
    ]


def _pack_ecp5(platform: Any) -> list[str]:
    idcode = [f"--idcode={IDCODES[platform.device]}"] if platform.device in IDCODES else []
    return ["--compress", *idcode, f"--input={TOP}.config", f"--bit={TOP}.bit"]


def _route_ice40(platform: Any) -> list[str]:
    part = platform.device.removeprefix("iCE40").lower()
    return [f"--{part}", f"--package={platform.package.lower()}", f"--pcf={TOP}.pcf", f"--asc={TOP}.asc"]


FLOWS = (
    Flow(ECP5, f"{TOP}.lpf", _route_ecp5, tools.ECPPACK, _pack_ecp5),
    # An iCE40 knows no compressed form.
    Flow(ICE40, f"{TOP}.pcf", _route_ice40, tools.ICEPACK, lambda _: [f"{TOP}.asc", f"{TOP}.bit"]),
)
"""All of them."""


def flow_of(family: Family) -> Flow:
    """The way of a family."""
    return next(flow for flow in FLOWS if flow.family is family)
