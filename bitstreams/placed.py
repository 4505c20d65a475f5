"""A placed netlist of an ECP5, as nextpnr writes it and goes on with it: what is in it, and room for more."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .netlist import TOP
from .timing import Pin

Place = tuple[int, int]
"""A tile: across and down."""

REGISTER, TABLE = "TRELLIS_FF", "TRELLIS_COMB"

CONTROLS = ("CLK", "LSR")
"""Ports of registers that are the same for all of a tile, with the parameters of their polarity."""

NEAR = 8
"""How far from where it is wanted a copy may lie, across and down together, in tiles."""

_BEL = re.compile(r"X(\d+)/Y(\d+)/(?:(SLICE[A-D])\.)?(\w+)")
_RAM = ("TRELLIS_RAMW", "DPRAM", "RAMW_BLOCK")


class PlacedNetlist:
    """Cells that have their places, to which copies of some are added in free slices. Nothing else moves.

    Args:
        path: What nextpnr wrote with ``--write`` and without routing.

    Attributes:
        cells: As in the file.
        places: Their tiles.
    """

    def __init__(self, path: Path) -> None:
        self._design: dict[str, Any] = json.loads(path.read_bytes())
        self._top = self._design["modules"][TOP]
        self.cells: dict[str, Any] = self._top["cells"]
        self.places: dict[str, Place] = {}
        self._taken: dict[Place, set[str]] = defaultdict(set)  # slices
        self._controls: dict[Place, tuple[Any, ...]] = {}  # of a tile's registers
        self._rams: set[Place] = set()  # tiles with LUT RAM, whose clock and reset are the registers' too
        for name, cell in self.cells.items():
            # nextpnr writes no bit to pins that hang on nothing. Without one it takes them for no pins when
            # it reads them, and the inputs of multipliers and block RAMs would no longer be tied to 0.
            for port, bits in cell["connections"].items():
                cell["connections"][port] = bits or ["x"]
            if match := _BEL.match(cell["attributes"].get("NEXTPNR_BEL", "")):
                across, down, place_in_tile, _ = match.groups()
                place = self.places[name] = int(across), int(down)
                if place_in_tile:
                    self._take(cell, place, place_in_tile)
        nets = self._top["netnames"].values()
        self._next_bit = 1 + max(bit for net in nets for bit in net["bits"] if isinstance(bit, int))

    def _take(self, cell: Mapping[str, Any], place: Place, part: str) -> None:
        self._taken[place].add(part)
        if cell["type"] == REGISTER:
            self._controls[place] = _controls(cell)
        if {cell["type"], cell["parameters"].get("MODE")} & {*_RAM}:
            self._rams.add(place)

    def ask_for(self, mhz: float) -> None:
        """Tell nextpnr the clock that it is to route for: when it goes on with a netlist it knows neither
        what the PLL gives nor heeds its option for it."""
        self._top["settings"]["target_freq"] = f"{1e6 * mhz:f}"

    def output(self, name: str) -> str | None:
        """The output of a cell that can be copied: a register, or a look-up table and nothing else."""
        cell = self.cells[name]
        connected = {port for port, bits in cell["connections"].items() if bits != ["x"]}
        if cell["type"] == REGISTER and "Q" in connected:
            return "Q"
        plain = cell["parameters"].get("MODE", "LOGIC") == "LOGIC" and connected <= {*"ABCDF"}
        return "F" if cell["type"] == TABLE and plain and "F" in connected else None

    def inputs(self, name: str) -> list[Pin]:
        """The inputs of a cell that hang on something."""
        cell = self.cells[name]
        return [
            (name, port)
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input" and bits != ["x"]
        ]

    def hanging(self) -> dict[int, list[Pin]]:
        """The inputs that hang on each bit."""
        found: dict[int, list[Pin]] = defaultdict(list)
        for name in self.cells:
            for pin in self.inputs(name):
                found[self.cells[name]["connections"][pin[1]][0]].append(pin)
        return found

    def drivers(self) -> dict[int, str]:
        """The cell of which each bit is an output."""
        return {
            bits[0]: name
            for name, cell in self.cells.items()
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "output" and bits != ["x"]
        }

    def copy(self, name: str, new: str, sinks: Iterable[Pin], near: Place) -> bool:
        """Add a copy of a register or of a look-up table, and hang on it some of what hangs on the other.

        Args:
            name: A cell that has an :meth:`output`.
            new: The copy's name.
            sinks: They hang on the cell; all of a tile that are the same port, if any.
            near: Where the copy is wanted.

        Returns: Whether there was room; if not, nothing is changed.
        """
        cell = self.cells[name]
        register = cell["type"] == REGISTER
        site = next(self._free(near, _controls(cell) if register else None), None)
        if site is None:
            return False
        place, part = site
        connections, directions = dict(cell["connections"]), dict(cell["port_directions"])
        parameters = dict(cell["parameters"])
        if register:
            # It takes what comes from elsewhere, not from the table beside it.
            parameters["SD"] = "0 "
            for of in (connections, directions):
                of["M"] = of.pop("DI", None) or of["M"]
        bit, self._next_bit = self._next_bit, self._next_bit + 1
        connections["Q" if register else "F"] = [bit]
        bel = f"X{place[0]}/Y{place[1]}/{part}.{'FF0' if register else 'K0'}"
        strength = cell["attributes"]["BEL_STRENGTH"]
        self.cells[new] = copied = {
            **cell,
            "parameters": parameters,
            "attributes": {"NEXTPNR_BEL": bel, "BEL_STRENGTH": strength},
            "port_directions": directions,
            "connections": connections,
        }
        self.places[new] = place
        self._take(copied, place, part)
        self._top["netnames"][new] = {"hide_name": 0, "bits": [bit], "attributes": {}}
        for sink, port in sinks:
            self.cells[sink]["connections"][port] = [bit]
        return True

    def _free(self, near: Place, controls: tuple[Any, ...] | None) -> Iterator[tuple[Place, str]]:
        """Free slices, the nearest first, of tiles that have others already: so they are tiles of slices.

        Args:
            controls: Of a register that is to lie there; none of a look-up table.
        """
        ways = sorted(
            (abs(x) + abs(y), x, y)
            for x in range(-NEAR, NEAR + 1)
            for y in range(-NEAR, NEAR + 1)
            if abs(x) + abs(y) <= NEAR
        )
        for _, x, y in ways:
            place = near[0] + x, near[1] + y
            if place not in self._taken:
                continue
            if controls and (place in self._rams or self._controls.get(place, controls) != controls):
                continue
            for part in ("SLICEA", "SLICEB", "SLICEC", "SLICED"):
                if part not in self._taken[place]:
                    yield place, part

    def save(self, path: Path) -> None:
        """Write it for nextpnr to go on with (``--no-pack --no-place``)."""
        path.write_text(json.dumps(self._design))


def _controls(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    """What registers of one tile have in common."""
    parameters = cell["parameters"]
    bits = [tuple(cell["connections"].get(port, ())) for port in CONTROLS]
    return (*bits, *(parameters.get(f"{port}MUX") for port in CONTROLS), parameters.get("SRMODE"))
