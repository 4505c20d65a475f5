"""nextpnr, once for a small design; for one with a floor plan what goes before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import tools
from .copies import copy_late, goal
from .floorplan import OPTIONS, place_blocks
from .placed import PlacedNetlist
from .timing import read_timing

Stage = Callable[[str], None]
"""Takes the name of the stage that begins."""

PLACED, DELAYS = "placed.json", "placed.sdf"

UNTIL_MET = "--tmg-ripup"
"""Of the router of ECP5s: what is late when routed is routed anew until nothing is, or for hours."""

MARGIN_MHZ = 0.25
"""So much more than a board's clock the router is asked for: it looks at no times again after its last
detours around conflicts, one of which can be a little late."""

ROUNDS = 4
"""How often copies are looked for, each time with those there are already: they change what is late."""

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
    """Run nextpnr in a netlist's folder. With a floor plan its blocks are told their sites, and what is late
    when all is placed gets copies (:mod:`.copies`) before it is routed.

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
    placing = [f"--json={netlist.name}", "--no-route", f"--write={PLACED}", f"--sdf={DELAYS}"]
    tools.run(tool, [*asked, *placing], netlist.parent)
    placed = _copied(tool, asked, netlist.parent, mhz, stage)
    stage("routing (nextpnr)")
    tools.run(tool, [*asked, *GO_ON, f"--json={placed}"], netlist.parent)


def _copied(tool: str, options: Sequence[str], folder: Path, mhz: float, stage: Stage) -> str:
    """The file of a placed netlist with the copies that are the best for what is late."""
    netlist = PlacedNetlist(folder / PLACED)
    netlist.ask_for(mhz)
    netlist.save(folder / PLACED)
    timing = read_timing(folder / DELAYS)
    best, least, copies = PLACED, timing.lateness(goal(mhz)), 0
    for number in range(1, ROUNDS + 1):
        added = copy_late(netlist, timing, goal(mhz))
        if not added:
            break
        copies += added
        stage(f"longest path before routing {least[0] / 1000:.1f} ns, trying {copies} copies (nextpnr)")
        file = f"{number}_{PLACED}"
        netlist.save(folder / file)
        tools.run(tool, [*options, *GO_ON, f"--json={file}", "--no-route", f"--sdf={DELAYS}"], folder)
        timing = read_timing(folder / DELAYS)
        if (late := timing.lateness(goal(mhz))) < least:
            best, least = file, late
    return best
