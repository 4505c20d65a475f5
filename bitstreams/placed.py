"""A placed netlist of an ECP5, as nextpnr writes it, made ready for nextpnr to go on with."""

from __future__ import annotations

import json
from pathlib import Path

from .kept_free import clear
from .netlist import TOP


def ask_for(path: Path, mhz: float) -> None:
    """Tell nextpnr in a placed netlist the clock that it is to route for, and leave it all sites that were
    kept free.

    When it goes on with a netlist (``--no-pack --no-place``) it knows neither what the PLL gives nor heeds
    its option for it, and would route for 12 MHz.

    Args:
        path: What nextpnr wrote with ``--write`` and without routing; it is written anew.
        mhz: The clock.
    """
    design = json.loads(path.read_bytes())
    top = design["modules"][TOP]
    top["settings"]["target_freq"] = f"{1e6 * mhz:f}"
    clear(top["cells"])
    for cell in top["cells"].values():
        # nextpnr writes no bit to pins that hang on nothing. Without one it takes them for no pins when
        # it reads them, and the inputs of multipliers and block RAMs would no longer be tied to 0.
        for port, bits in cell["connections"].items():
            cell["connections"][port] = bits or ["x"]
    path.write_text(json.dumps(design))
