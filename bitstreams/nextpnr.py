"""nextpnr, once for a small design; for one with a floor plan what goes before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import tools
from .copies import copy_registers
from .floorplan import OPTIONS, place_blocks

Stage = Callable[[str], None]
"""Takes the name of the stage that begins."""

PLACED, DELAYS = "placed.json", "placed.sdf"

UNTIL_MET = "--tmg-ripup"
"""Of the router of ECP5s: what is late when routed is routed anew until nothing is, or for hours."""

PLL_CLOCK = "pll.o"
"""What nextpnr calls the clock; without a constraint of its own it has the frequency of the PLL."""

MARGIN_MHZ = 0.25
"""So much more than a board's clock the router is asked for: it looks at no times again after its last
detours around conflicts, one of which can be a little late."""

FIRST_SEED = "--seed=1"
"""Of the placement that copies are found with, whatever the other's: all seeds have the same netlist."""


def place_and_route_netlist(
    tool: str,
    options: Sequence[str],
    netlist: Path,
    sites: Mapping[str, str],
    period: float,
    stage: Stage = lambda _: None,
) -> None:
    """Run nextpnr in a netlist's folder. With a floor plan its blocks are told their sites; and all is placed
    twice, the second time with copies of the registers that were late.

    Args:
        tool: A family's nextpnr.
        options: All but the netlist.
        netlist: What Yosys wrote; with a floor plan it is written anew.
        sites: Of its blocks (:func:`~.floorplan.floorplan`), none without a plan.
        period: Of the clock, in ns.

    Raises:
        ToolError: The design does not fit.
        StillframeError: The tool is not installed.
    """
    folder = netlist.parent
    arguments = [*options, f"--json={netlist.name}"]
    if sites:
        place_blocks(netlist, sites)
        arguments += OPTIONS
        stage("placement, to find registers that need copies (nextpnr)")
        first = [FIRST_SEED if option.startswith("--seed=") else option for option in arguments]
        tools.run(tool, [*first, "--no-route", f"--write={PLACED}", f"--sdf={DELAYS}"], folder)
        count = copy_registers(netlist, folder / PLACED, folder / DELAYS, period)
        stage(f"place and route with {count} copies (nextpnr)")
    else:
        stage("place and route (nextpnr)")
    tools.run(tool, arguments, folder)
