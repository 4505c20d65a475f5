"""Clock and reset of a board's design, from its oscillator: what each family of FPGAs has for that."""

from __future__ import annotations

import math
from typing import Any

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import io
from amaranth.lib.cdc import FFSynchronizer, ResetSynchronizer
from amaranth.vendor import LatticeECP5Platform, LatticeICE40Platform

from .ice40_pll import Ice40Pll, ice40_dividers
from .pll import Ecp5Pll, ecp5_dividers

POWER_ON = 15e-6
"""Seconds for which an iCE40 is held in reset: its block RAM, with the microprogram, reads as 0 for the first
three millionths of a second or so after configuration, which Lattice says nothing of; this is what Amaranth's
platform waits, five times as long."""


def add_clock(m: Module, platform: Any, mhz: float) -> float:
    """Add the domain ``sync`` with a clock of ``mhz`` MHz, and a reset until it is stable.

    Returns:
        The clock's frequency in Hz, as the PLL has it.

    Raises:
        TypeError: Nothing is known about PLLs of the platform's family.
        ValueError: The PLL cannot make that clock.
    """
    m.domains.sync = sync = ClockDomain()
    reference_mhz = platform.default_clk_frequency / 1e6
    if isinstance(platform, LatticeECP5Platform):
        return _ecp5(m, sync, platform, reference_mhz, mhz)
    if isinstance(platform, LatticeICE40Platform):
        return _ice40(m, sync, platform, reference_mhz, mhz)
    raise TypeError(f"board: expected a family whose PLL is known, got {type(platform).__name__}")


def _ecp5(m: Module, sync: ClockDomain, platform: Any, reference_mhz: float, mhz: float) -> float:
    m.submodules.oscillator = oscillator = io.Buffer("i", platform.request(platform.default_clk, dir="-"))
    dividers = ecp5_dividers(reference_mhz, mhz)
    m.submodules.pll = pll = Ecp5Pll(dividers)
    m.d.comb += [pll.i.eq(oscillator.i), sync.clk.eq(pll.o)]
    m.submodules.reset = ResetSynchronizer(~pll.locked, domain="sync")
    clock_hz = dividers.mhz * 1e6
    platform.add_clock_constraint(sync.clk, clock_hz)
    return clock_hz


def _ice40(m: Module, sync: ClockDomain, platform: Any, reference_mhz: float, mhz: float) -> float:
    m.domains.power_on = power_on = ClockDomain(reset_less=True)
    dividers = ice40_dividers(reference_mhz, mhz)
    m.submodules.pll = pll = Ice40Pll(dividers, platform.request(platform.default_clk, dir="-").io)
    m.d.comb += [sync.clk.eq(pll.o), power_on.clk.eq(pll.o)]
    # nextpnr works out the clock's constraint from the oscillator's and the dividers.
    # Flip-flops are 0 after configuration, whatever they are said to be.
    locked, ready = Signal(), Signal()
    m.submodules.locked = FFSynchronizer(pll.locked, locked, o_domain="power_on")
    cycles = math.ceil(POWER_ON * dividers.mhz * 1e6)
    waited = Signal(range(cycles + 1))
    m.d.power_on += ready.eq(waited == cycles)
    with m.If(~locked):
        m.d.power_on += waited.eq(0)
    with m.Elif(waited != cycles):
        m.d.power_on += waited.eq(waited + 1)
    m.d.comb += sync.rst.eq(~ready)
    return dividers.mhz * 1e6
