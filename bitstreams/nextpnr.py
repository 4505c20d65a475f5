"""nextpnr: one run for a small design; for one with a floor plan one that places and one that routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import tools
from .floorplan import OPTIONS, place_blocks
from .placed import ask_for

Stage = Callable[[str], None]
"""Takes the name of the stage that begins."""

PLACED = "placed.json"

UNTIL_MET = "--tmg-ripup"
"""Of the router of ECP5s: what is late when routed is routed anew until nothing is, or for hours."""

MARGIN_MHZ = 1.0
"""So much more than a board's clock the router is asked for: it looks at no times again after its last
detours around conflicts, some of which are late."""

GO_ON = ["--no-pack", "--no-place"]
"""Of a run that begins with a placed netlist."""


def place_and_route_netlist(
    tool: str,
    options: Sequence[str],
    netlist: Path,
    sites: Mapping[str, str],
    mhz: float,
    stage: Stage = lambda _: None,
) -> None:
    """Run nextpnr in a netlist's folder. With a floor plan its blocks are told their sites, and between place
    and route nextpnr is asked for a clock that no option can name (:mod:`.placed`).

    Args:
        tool: A family's nextpnr.
        options: All but the netlist.
        netlist: What Yosys wrote; with a floor plan it is written anew.
        sites: Of its blocks (:func:`~.floorplan.floorplan`), none without a plan.
        mhz: The clock that a design with a plan is routed for.

    Raises:
        ToolError: The design does not fit.
        StillframeError: The tool is not installed.
    """
    if not sites:
        stage("place and route (nextpnr)")
        tools.run(tool, [*options, f"--json={netlist.name}"], netlist.parent)
        return
    place_blocks(netlist, sites)
    stage("placement (nextpnr)")
    asked = [*options, *OPTIONS]
    tools.run(tool, [*asked, f"--json={netlist.name}", "--no-route", f"--write={PLACED}"], netlist.parent)
    ask_for(netlist.with_name(PLACED), mhz)
    stage("routing (nextpnr)")
    tools.run(tool, [*asked, *GO_ON, f"--json={PLACED}"], netlist.parent)
