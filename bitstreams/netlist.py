"""From a component to a netlist of a family's cells."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.lib import wiring

from stillframe.sim import cache

from . import tools
from .family import ECP5, Family

TOP = "top"


# Our memories have one write port and are never read where they are written in the same cycle: components see
# to it and assert it in simulation. Yosys cannot know, and would build logic that emulates what happens then.
# Reads without a clock, from LUT RAM, have no such case.
# Amaranth names each element of an array, "acc[0]"; after ABC9 Yosys takes that for a bit of "acc"
# and fails over (YosysHQ/yosys issue 4349): such names are purged first.
def script(family: Family) -> str:
    """Yosys' script, from ``TOP``.il to ``TOP``.json."""
    return f"""\
read_rtlil {TOP}.il
hierarchy -top {TOP}
delete t:$check t:$print
proc
opt_clean -purge
setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i
{family.synth} -top {TOP} -json {TOP}.json
"""


@dataclass(frozen=True)
class Utilisation:
    """Cells of an ECP5's netlist.

    Attributes:
        lut4: Look-up tables of 4 inputs.
        carry: CCU2C cells, each a pair of look-up tables with carry.
        lut_ram: TRELLIS_DPR16X4 cells, 16 words of 4 bits each.
        ff: Flip-flops.
        multipliers: MULT18X18D blocks.
        block_rams: DP16KD blocks.
    """

    lut4: int
    carry: int
    lut_ram: int
    ff: int
    multipliers: int
    block_rams: int

    @property
    def luts(self) -> int:
        """Look-up tables in all, counted as nextpnr does: two a carry cell, six a LUT RAM."""
        return self.lut4 + 2 * self.carry + 6 * self.lut_ram

    def __str__(self) -> str:
        return (
            f"{self.luts} LUTs (logic {self.lut4}, carry {2 * self.carry}, RAM {6 * self.lut_ram}), "
            f"{self.ff} FFs, {self.multipliers} multipliers, {self.block_rams} block RAMs"
        )


@dataclass(frozen=True)
class Netlist:
    """A synthesised component; ``path`` is the JSON file that nextpnr reads."""

    path: Path
    family: Family = ECP5

    @cached_property
    def cells(self) -> dict[str, str]:
        """Types of the cells by their hierarchical name."""
        module: dict[str, Any] = json.loads(self.path.read_bytes())["modules"][TOP]
        return {name: cell["type"] for name, cell in module["cells"].items()}

    @property
    def instances(self) -> frozenset[str]:
        """Hierarchical names of the components."""
        return frozenset(name for name, kind in self.cells.items() if kind == "$scopeinfo")

    @property
    def summary(self) -> str:
        """Its cells, counted, as text."""
        if not self.family.cells:
            return str(self.utilisation)
        kinds = Counter(self.cells.values())
        return ", ".join(
            f"{sum(count for kind, count in kinds.items() if kind.startswith(name))} {title}"
            for name, title in self.family.cells.items()
        )

    @property
    def utilisation(self) -> Utilisation:
        """The cells of an ECP5's, counted."""
        count = Counter(self.cells.values())
        return Utilisation(
            lut4=count["LUT4"],
            carry=count["CCU2C"],
            lut_ram=count["TRELLIS_DPR16X4"] + count["DPR16X4C"],
            ff=count["TRELLIS_FF"],
            multipliers=count["MULT18X18D"],
            block_rams=count["DP16KD"] + count["PDPW16KD"],
        )


def synthesise(component: wiring.Component, family: Family = ECP5) -> Netlist:
    """Synthesise a component, unless the same was synthesised before.

    Args:
        component: Has not been elaborated before.
        family: What it is for.

    Raises:
        StillframeError: Yosys is not installed, or the cache cannot be written.
        ToolError: Yosys refuses the design.
    """
    source = rtlil.convert(component, name=TOP, platform=family.platform(), emit_src=False)

    def make(folder: Path) -> None:
        folder.joinpath(f"{TOP}.il").write_text(source)
        folder.joinpath("synthesis.ys").write_text(script(family))
        tools.run(tools.YOSYS, ["synthesis.ys"], folder)

    key = cache.key(tools.version(tools.YOSYS), script(family), source)
    return Netlist(cache.entry("netlist", key, make) / f"{TOP}.json", family)


def utilisation(component: wiring.Component) -> Utilisation:
    """Cells that a component takes on an ECP5; see :func:`synthesise`."""
    return synthesise(component).utilisation


def default_name(component: wiring.Component) -> str:
    """A component's class name in snake case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(component).__name__).lower()
