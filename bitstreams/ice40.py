"""Synthesis, place and route of a component for the iCE40UP5K, without a board."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring
from amaranth.vendor import LatticeICE40Platform

from stillframe.sim import cache

from . import tools
from .netlist import TOP
from .place_and_route import DoesNotFit
from .shell import Shell

# See netlist.py for what happens to checks, names and memories here too. Multipliers are not inferred (-dsp):
# that would rewrite those that the design instantiates.
SCRIPT = f"""\
read_rtlil {TOP}.il
hierarchy -top {TOP}
delete t:$check t:$print
proc
opt_clean -purge
setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i
synth_ice40 -device u -top {TOP} -json {TOP}.json
"""


class NoIce40Board(LatticeICE40Platform):
    """An iCE40UP5K without pins: components choose its primitives, and nothing is built with it."""

    device = "iCE40UP5K"
    package = "SG48"
    resources = ()
    connectors = ()


@dataclass(frozen=True)
class Ice40Cells:
    """Cells of a netlist.

    Attributes:
        luts: SB_LUT4, look-up tables of 4 inputs.
        carries: SB_CARRY; most share a logic cell with a look-up table.
        ffs: Flip-flops; most share a logic cell with the look-up table before them.
        multipliers, block_rams, sprams: SB_MAC16, SB_RAM40_4K, SB_SPRAM256KA.
    """

    luts: int
    carries: int
    ffs: int
    multipliers: int
    block_rams: int
    sprams: int

    def __str__(self) -> str:
        return (
            f"{self.luts} LUTs, {self.carries} carries, {self.ffs} FFs, {self.multipliers} of 8 multipliers, "
            f"{self.block_rams} of 30 block RAMs, {self.sprams} of 4 SPRAMs"
        )


@dataclass(frozen=True)
class Ice40Report:
    """What nextpnr says of a routed component. Its figures are nextpnr's, not silicon's.

    Attributes:
        seed: Of the placer.
        fmax: Highest clock frequency, in MHz.
        used: (used, available) by nextpnr's name of a resource; ICESTORM_LC are logic cells.
    """

    seed: int
    fmax: float
    used: dict[str, tuple[int, int]]


def _netlist(component: wiring.Component) -> Path:
    source = rtlil.convert(component, name=TOP, platform=NoIce40Board(), emit_src=False)

    def make(folder: Path) -> None:
        folder.joinpath(f"{TOP}.il").write_text(source)
        folder.joinpath("synthesis.ys").write_text(SCRIPT)
        tools.run(tools.YOSYS, ["synthesis.ys"], folder)

    key = cache.key(tools.version(tools.YOSYS), SCRIPT, source)
    return cache.entry("netlist", key, make) / f"{TOP}.json"


def cells(component: wiring.Component) -> Ice40Cells:
    """Cells that a component takes.

    Args:
        component: Has not been elaborated before.

    Raises:
        StillframeError: Yosys is not installed, or the cache cannot be written.
        ToolError: Yosys refuses the design.
    """
    module = json.loads(_netlist(component).read_bytes())["modules"][TOP]
    count = Counter(cell["type"] for cell in module["cells"].values())
    return Ice40Cells(
        luts=count["SB_LUT4"],
        carries=count["SB_CARRY"],
        ffs=sum(number for kind, number in count.items() if kind.startswith("SB_DFF")),
        multipliers=count["SB_MAC16"],
        block_rams=sum(number for kind, number in count.items() if kind.startswith("SB_RAM40_4K")),
        sprams=count["SB_SPRAM256KA"],
    )


def place_and_route_ice40(component: wiring.Component, *, seed: int = 1, freq: float = 24) -> Ice40Report:
    """Place and route a component in a :class:`~.shell.Shell` on an iCE40UP5K in its package of 48 pins.

    Args:
        component: Has not been elaborated before.
        seed: Of nextpnr's placer; the result depends on it and on nothing else.
        freq: Clock frequency asked for, in MHz. Not reaching it is no error.

    Raises:
        DoesNotFit: The part is too small.
        StillframeError: A tool is not installed, or the cache cannot be written.
    """
    netlist = _netlist(Shell(component, "component")).read_bytes()
    options = ["--up5k", "--package=sg48", f"--seed={seed}", f"--freq={freq:g}", "--timing-allow-fail"]
    options += ["--pcf-allow-unconstrained"]

    def make(folder: Path) -> None:
        source = folder / "netlist.json"
        source.write_bytes(netlist)
        tools.run(tools.NEXTPNR_ICE40, [*options, f"--json={source.name}", "--report=report.json"], folder)
        source.unlink()

    key = cache.key(tools.version(tools.NEXTPNR_ICE40), repr(options), netlist)
    try:
        report = json.loads((cache.entry("route", key, make) / "report.json").read_bytes())
    except tools.ToolError as error:
        raise DoesNotFit(
            f"expected it to fit an iCE40UP5K, nextpnr says: {error.message}", "take fewer cells"
        ) from error
    return Ice40Report(
        seed=seed,
        fmax=min(clock["achieved"] for clock in report["fmax"].values()),
        used={kind: (u["used"], u["available"]) for kind, u in report["utilization"].items() if u["used"]},
    )
