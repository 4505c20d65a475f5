"""Place and route of a component alone, without a board."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from stillframe.contract import StillframeError
from stillframe.sim import cache

from . import tools
from .critical_path import Hop, critical_path
from .family import Family, family_of
from .floorplan import OPTIONS, SETTINGS, floorplan
from .netlist import Netlist, default_name, synthesise
from .nextpnr import MARGIN_MHZ, PLACED, UNTIL_MET, place_and_route_netlist
from .shell import Shell


class DoesNotFit(StillframeError):  # noqa: N818
    """The component takes more than the part has, or cannot be placed or routed."""


@dataclass(frozen=True)
class Report:
    """What nextpnr says of a routed component. Its figures are nextpnr's, not silicon's.

    Attributes:
        name: Name of the component.
        part, speed, seed, freq: What it was routed for, such as "25F", 6 (0 without grades), 1, 100 (MHz).
        fmax: Highest clock frequency, in MHz.
        used: (used, available) by nextpnr's name of a resource, the shell's registers included.
        path: The critical path.
    """

    name: str
    part: str
    speed: int
    seed: int
    freq: float
    fmax: float
    used: dict[str, tuple[int, int]]
    path: tuple[Hop, ...]

    @property
    def family(self) -> Family:
        """The part's family."""
        return family_of(self.part)

    @property
    def meets(self) -> bool:
        """Whether it runs at the frequency asked for."""
        return self.fmax >= self.freq


def place_and_route(
    component: wiring.Component,
    *,
    name: str | None = None,
    part: str = "25F",
    speed: int = 6,
    seed: int = 1,
    freq: float | None = None,
    until_met: bool = False,
) -> Report:
    """Place and route a component in a :class:`~.shell.Shell`, unless the same was routed before.

    Args:
        component: Has not been elaborated before.
        name: Its name in the critical path; its class's name by default.
        part: "25F", "45F" or "85F" (LFE5U), or "UP5K" (iCE40).
        speed: Speed grade of an LFE5U, 6 to 8.
        seed: Of nextpnr's placer; the result depends on it and on nothing else.
        freq: Clock frequency asked for, in MHz; by default the family's. Not reaching it is no error.
        until_met: Whether what is late is routed anew until nothing is, see :data:`~.nextpnr.UNTIL_MET`.

    Raises:
        DoesNotFit: The part is too small.
        StillframeError: A tool is not installed, or the cache cannot be written.
    """
    name = name or default_name(component)
    family = family_of(part)
    freq = freq or family.freq
    netlist = synthesise(Shell(component, name), family)
    sites = floorplan(netlist.cells, part)
    options = [*family.device(part, speed), f"--seed={seed}", f"--freq={freq:g}", "--timing-allow-fail"]
    options += [UNTIL_MET] if until_met else []

    def make(folder: Path) -> None:
        source = folder / "netlist.json"
        source.write_bytes(netlist.path.read_bytes())
        place_and_route_netlist(
            family.nextpnr, [*options, "--report=report.json"], source, sites, freq + MARGIN_MHZ
        )
        for file in (source, folder / PLACED):
            file.unlink(missing_ok=True)

    plan = repr((sites, OPTIONS, SETTINGS, MARGIN_MHZ)) if sites else ""
    key = cache.key(tools.version(family.nextpnr), repr(options) + plan, netlist.path.read_bytes())
    try:
        report = json.loads((cache.entry("route", key, make) / "report.json").read_bytes())
    except tools.ToolError as error:
        raise DoesNotFit(
            f"{name}: expected it to fit an {family.prefix}{part}, nextpnr says: {error.message}",
            f"choose a larger part or a smaller array; synthesised: {netlist.summary}",
        ) from error
    return read_report(report, netlist, name=name, part=part, speed=speed, seed=seed, freq=freq)


def read_report(
    report: Mapping[str, Any], netlist: Netlist, *, name: str, part: str, speed: int, seed: int, freq: float
) -> Report:
    """What nextpnr wrote with ``--report`` of a netlist, and what it was told."""
    for clock, of in report["fmax"].items():
        assert of["constraint"] >= 0.99 * freq, f"{clock} was routed for {of['constraint']} MHz, not {freq}"
    return Report(
        name=name,
        part=part,
        speed=speed,
        seed=seed,
        freq=freq,
        fmax=min(clock["achieved"] for clock in report["fmax"].values()),
        used={kind: (u["used"], u["available"]) for kind, u in report["utilization"].items() if u["used"]},
        path=critical_path(report, netlist),
    )
