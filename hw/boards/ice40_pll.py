"""The clock of the array on an iCE40, from the oscillator at the pad beside its PLL."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from amaranth.hdl import Const, Instance, IOValue, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

COMPARED_MHZ = 10.0, 133.0
"""Frequencies at which an iCE40's PLL compares reference and feedback."""

OSCILLATOR_MHZ = 533.0, 1066.0
"""What its oscillator runs at."""

FILTERS_MHZ = 17, 26, 44, 66, 101
"""Its loop filter has a range for what is compared below each of these, and one for what is above them."""


@dataclass(frozen=True)
class Ice40Dividers:
    """Of a PLL whose oscillator runs at ``reference_mhz`` / ``reference`` * ``feedback``, which is divided
    by 2 ** ``output_bits``.
    """

    reference_mhz: float
    reference: int
    feedback: int
    output_bits: int

    @property
    def compared_mhz(self) -> float:
        """What is compared."""
        return self.reference_mhz / self.reference

    @property
    def oscillator_mhz(self) -> float:
        """What the oscillator runs at."""
        return self.compared_mhz * self.feedback

    @property
    def mhz(self) -> float:
        """What comes out."""
        return self.oscillator_mhz / (1 << self.output_bits)

    @property
    def filter_range(self) -> int:
        """Setting of the loop filter, 1 to 6."""
        return 1 + sum(self.compared_mhz >= limit for limit in FILTERS_MHZ)


def ice40_dividers(reference_mhz: float, mhz: float) -> Ice40Dividers:
    """Dividers of an SB_PLL40 with the simple feedback path (Lattice, iCE40 sysCLOCK PLL Usage Guide).

    Raises:
        ValueError: None give it within a thousandth.
    """
    every = (Ice40Dividers(reference_mhz, *d) for d in product(range(1, 17), range(1, 129), range(1, 7)))
    choices = [
        dividers
        for dividers in every
        if COMPARED_MHZ[0] <= dividers.compared_mhz <= COMPARED_MHZ[1]
        and OSCILLATOR_MHZ[0] <= dividers.oscillator_mhz <= OSCILLATOR_MHZ[1]
        and abs(dividers.mhz / mhz - 1) < 1e-3
    ]
    if not choices:
        raise ValueError(f"PLL: expected a clock that {reference_mhz} MHz can be turned into, got {mhz}")
    return min(choices, key=lambda d: (abs(d.mhz - mhz), d.reference, d.feedback))


class Ice40Pll(wiring.Component):
    """An SB_PLL40_PAD.

    Args:
        dividers: See :func:`ice40_dividers`.
        pad: Of the oscillator; the PLL takes it without an input buffer.

    Ports:
        o: The clock. locked: It is stable.
    """

    o: Signal
    locked: Signal

    def __init__(self, dividers: Ice40Dividers, pad: IOValue) -> None:
        self._dividers, self._pad = dividers, pad
        super().__init__({"o": Out(1), "locked": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        d = self._dividers
        m.submodules.pll = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(d.reference - 1, 4),
            p_DIVF=Const(d.feedback - 1, 7),
            p_DIVQ=Const(d.output_bits, 3),
            p_FILTER_RANGE=Const(d.filter_range, 3),
            i_PACKAGEPIN=self._pad,
            i_RESETB=Const(1, 1),  # active low
            i_BYPASS=Const(0, 1),
            o_PLLOUTGLOBAL=self.o,
            o_LOCK=self.locked,
        )
        return m
