"""Where multipliers and block RAMs lie on a large part, before nextpnr places all the rest.

nextpnr's placers find good places for look-up tables, but scatter the few hundred blocks, which have sites
in a few rows only: a large array's wires then cross the chip so often that they cannot be routed. An array's
data goes through as many equal pipelines as an activation word has elements. Here each of them gets a strip
from the top of the chip to its bottom, with the blocks in the order in which data comes through: weights,
multipliers of the array, state, multipliers of the requantiser, tables, codes. What finds events serves all
strips and lies in the middle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .kept_free import fill, kept_free
from .netlist import TOP

OPTIONS = [
    "--placer=heap",
    "--placer-heap-timingweight=4",
    "--router=router2",
]
"""Of nextpnr for a design with a plan: the placer that sees best which wires matter, told to heed that less
than it does (10), so that the others stay short and there is room for all; the router that finds its way
where there are many."""

SETTINGS = {
    "router2/bbMargin/x": "12",
    "router2/bbMargin/y": "12",
    "router2/currCongWeightMult": "1.5",
}
"""Of the router, which has no options for them: how far a wire may leave the box around its pins, in tiles
(3 by default), and how much is added to the weight of a wire's overuse in each round (2)."""

MULTIPLIER, BLOCK_RAM = "MULT18X18D", "DP16KD"

MIDDLE = 0.5
"""The place of what belongs to no element."""


@dataclass(frozen=True)
class Sites:
    """The sites of a kind of block on a part.

    Attributes:
        columns: Their x, from the left, the same in all rows.
        names: Of the sites, one after the other, then from the first again.
    """

    columns: tuple[int, ...]
    names: tuple[str, ...]

    def bel(self, row: int, n: int) -> str:
        """nextpnr's name of a row's n-th site."""
        return f"X{self.columns[n]}/Y{row}/{self.names[n % len(self.names)]}"


def _in_tiles(starts: tuple[int, ...], offsets: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(start + offset for start in starts for offset in offsets)


_GROUPS_85F = (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)

SITES = {
    "85F": {
        MULTIPLIER: Sites(
            _in_tiles(_GROUPS_85F, (0, 1, 4, 5)), ("MULT18_0", "MULT18_1", "MULT18_4", "MULT18_5")
        ),
        BLOCK_RAM: Sites(_in_tiles(_GROUPS_85F, (0, 2, 4, 6)), ("EBR0", "EBR1", "EBR2", "EBR3")),
    }
}
"""By part: those of an LFE5U-85F, as nextpnr's database has them. Multipliers have the rows 10, 34 and 58,
block RAMs 22, 46, 70 and 82."""


@dataclass(frozen=True)
class Blocks:
    """Some of an array's blocks, which lie side by side in the order of the elements they belong to.

    Attributes:
        kind: Of their sites.
        name: What their hierarchical names match; a group is a block's number.
        rows: Where they go: a row and how many of them at most, in the order in which rows are filled.
        across: How many there are side by side, before numbers start from the left again; by default all.
    """

    kind: str
    name: str
    rows: tuple[tuple[int, int], ...]
    across: int | None = None


ALL = 52
"""Sites of a row."""

WORD = 16
"""Elements of the words of arrays that have a plan."""

PLAN = {
    "85F": (
        # Above their weights and below, so that neither side is crowded.
        Blocks(MULTIPLIER, r"array\.bank_[01]\.multiplier_(\d+)\.", ((10, ALL),), WORD),
        Blocks(MULTIPLIER, r"array\.bank_2\.multiplier_(\d+)\.", ((10, 10), (34, ALL)), WORD),
        Blocks(MULTIPLIER, r"array\.bank_3\.multiplier_(\d+)\.", ((34, ALL),), WORD),
        Blocks(MULTIPLIER, r"requantiser\.lane_(\d+)\.(?:low|high)_low\.", ((34, 28), (58, ALL)), WORD),
        Blocks(MULTIPLIER, r"requantiser\.lane_(\d+)\.(?:low|high)_high\.", ((58, ALL),), WORD),
        Blocks(MULTIPLIER, r"windows\.adder\.lane_(\d+)\.", ((58, ALL),)),
        # Yosys's weights are 32 bits wide: four blocks are a bank's word.
        Blocks(BLOCK_RAM, r"array\.bank_\d\.weights\S*\.(\d+)$", ((22, ALL),), WORD // 4),
        Blocks(BLOCK_RAM, r"state\.state\.rows\.block_0_(\d+)\.", ((46, ALL),)),
        Blocks(BLOCK_RAM, r"table\.table_(\d+)\.", ((70, ALL),)),
        Blocks(BLOCK_RAM, r"codes\.codes\.rows\.block_0_(\d+)\.", ((70, 32), (82, ALL))),
        Blocks(BLOCK_RAM, r"codes\.codes\.rows\.block_1_(\d+)\.", ((82, ALL),)),
        Blocks(BLOCK_RAM, r"codes\.codes\.rows\.block_2_(\d+)\.", ((82, ALL),)),
        # A scanner's lie side by side; the queues behind them may lie elsewhere.
        Blocks(BLOCK_RAM, r"finder\.scanner_(\d)\.values\.", ((46, ALL),)),
        Blocks(BLOCK_RAM, r"finder\.scanner_(\d)\.masks\.", ((82, ALL),)),
        # These have no registers of their own: data comes late in the cycle, and has no time for a long way.
        Blocks(BLOCK_RAM, r"sequencer\.loader\.layers\.", ((22, ALL),)),
        Blocks(BLOCK_RAM, r"sequencer\.counters\.memory\.", ((46, ALL),)),
        Blocks(BLOCK_RAM, r"finder\.finder\.row_flags\.", ((46, ALL),)),
        Blocks(BLOCK_RAM, r"link\.receiver\.buffer\.", ((46, ALL),)),
        Blocks(BLOCK_RAM, r"requantiser\.parameters\.store\.", ((70, ALL),)),
    )
}
"""By part. Blocks without a number lie in the middle; those that are not named, or find no site left in their
rows, wherever nextpnr puts them."""


def floorplan(cells: Mapping[str, str], part: str) -> dict[str, str]:
    """nextpnr's site for each block of an array that has a plan, by the block's name, and for each table that
    keeps one free (:mod:`.kept_free`); none for other designs.

    Args:
        cells: Types of a netlist's cells by their hierarchical names.
        part: Such as "85F".
    """
    lanes = {match[1] for name in cells if (match := re.search(r"requantiser\.lane_(\d+)\.", name))}
    if part not in PLAN or len(lanes) != WORD:
        return {}
    rows: dict[tuple[str, int], list[tuple[float, str]]] = {}
    for blocks in PLAN[part]:
        places = _places(blocks, cells)
        shares: list[int] = []
        for row, most in blocks.rows:
            there = ALL - len(rows.get((blocks.kind, row), []))
            shares.append(min(most, there, len(places) - sum(shares)))
        # Evenly, so that all rows that share them have some of each strip.
        given = [0] * len(shares)
        for n, place in enumerate(places[: sum(shares)], 1):
            turn = max(range(len(shares)), key=lambda r: n * shares[r] / sum(shares) - given[r])
            given[turn] += 1
            rows.setdefault((blocks.kind, blocks.rows[turn][0]), []).append(place)
    sites = {
        name: SITES[part][kind].bel(row, (2 * n + 1) * ALL // (2 * len(places)))
        for (kind, row), places in rows.items()
        for n, (_, name) in enumerate(sorted(places))
    }
    return sites | kept_free(part)


def _places(blocks: Blocks, cells: Mapping[str, str]) -> list[tuple[float, str]]:
    """From the left: how far to the right each of some blocks belongs, from 0 to 1, and its name."""
    found = [
        (match, name)
        for name, kind in cells.items()
        if kind == blocks.kind and (match := re.search(blocks.name, name))
    ]
    numbers = [int(match[1]) if match.groups() else None for match, _ in found]
    across = blocks.across or len(set(numbers))
    return sorted(
        (MIDDLE if number is None else (number % across + 0.5) / across, name)
        for number, (_, name) in zip(numbers, found, strict=True)
    )


def place_blocks(netlist: Path, sites: Mapping[str, str]) -> None:
    """Tell nextpnr in a netlist which sites some of its blocks have, and how to route then."""
    design: dict[str, Any] = json.loads(netlist.read_bytes())
    top = design["modules"][TOP]
    top["settings"] = SETTINGS
    fill(top["cells"], sites)
    for name, site in sites.items():
        top["cells"][name]["attributes"]["BEL"] = site
    netlist.write_text(json.dumps(design))
