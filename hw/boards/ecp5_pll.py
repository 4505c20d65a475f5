"""The clock of the array on an ECP5, from the board's oscillator."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from amaranth.hdl import Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


@dataclass(frozen=True)
class Dividers:
    """Of a PLL that multiplies ``reference_mhz`` / ``reference`` by ``feedback``; its oscillator runs
    ``output`` times as fast as what comes out.
    """

    reference_mhz: float
    reference: int
    feedback: int
    output: int

    @property
    def mhz(self) -> float:
        """What comes out."""
        return self.reference_mhz / self.reference * self.feedback


OSCILLATOR_MHZ = 400.0, 800.0
"""What the oscillator of an ECP5's PLL runs at."""

COMPARED_MHZ = 3.125
"""Lowest frequency at which it compares reference and feedback."""


def ecp5_dividers(reference_mhz: float, mhz: float) -> Dividers:
    """Dividers of an EHXPLLL for a clock (Lattice, ECP5 sysCLOCK PLL/DLL Usage Guide).

    Raises:
        ValueError: None give it within a thousandth.
    """
    low, high = OSCILLATOR_MHZ
    choices = [
        Dividers(reference_mhz, reference, feedback, output)
        for reference, feedback in product(range(1, 33), range(1, 81))
        if reference_mhz / reference >= COMPARED_MHZ
        and abs(reference_mhz / reference * feedback / mhz - 1) < 1e-3
        for output in range(1, 129)
        if low <= mhz * output <= high
    ]
    if not choices:
        raise ValueError(f"PLL: expected a clock that {reference_mhz} MHz can be turned into, got {mhz}")
    middle = (low + high) / 2
    return min(choices, key=lambda d: (abs(d.mhz - mhz), d.reference, abs(d.mhz * d.output - middle)))


class Ecp5Pll(wiring.Component):
    """An EHXPLLL whose feedback is its output.

    Args:
        dividers: See :func:`ecp5_dividers`.

    Ports:
        i: The oscillator. o: The clock. locked: It is stable.
    """

    i: Signal
    o: Signal
    locked: Signal

    def __init__(self, dividers: Dividers) -> None:
        self._dividers = dividers
        super().__init__({"i": In(1), "o": Out(1), "locked": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        d = self._dividers
        m.submodules.pll = Instance(
            "EHXPLLL",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_FEEDBK_PATH="CLKOP",
            p_CLKI_DIV=d.reference,
            p_CLKFB_DIV=d.feedback,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=d.output,
            p_CLKOP_CPHASE=(d.output - 1) // 2,
            p_CLKOP_FPHASE=0,
            p_OUTDIVIDER_MUXA="DIVA",
            i_RST=Const(0, 1),
            i_STDBY=Const(0, 1),
            i_CLKI=self.i,
            i_CLKFB=self.o,
            i_PHASESEL0=Const(0, 1),
            i_PHASESEL1=Const(0, 1),
            i_PHASEDIR=Const(1, 1),
            i_PHASESTEP=Const(1, 1),
            i_PHASELOADREG=Const(1, 1),
            i_PLLWAKESYNC=Const(0, 1),
            i_ENCLKOP=Const(0, 1),
            o_CLKOP=self.o,
            o_LOCK=self.locked,
        )
        return m
