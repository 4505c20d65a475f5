"""Clock and reset of a board's design, from its oscillator: what each family of FPGAs has for that."""

from __future__ import annotations

import math
from typing import Any

from amaranth.hdl import ClockDomain, DomainRenamer, Module, Signal
from amaranth.lib import io
from amaranth.lib.cdc import AsyncFFSynchronizer
from amaranth.vendor import LatticeECP5Platform, LatticeICE40Platform

from .ecp5_pll import Ecp5Pll, ecp5_dividers
from .ice40_pll import Ice40Pll, ice40_dividers
from .power_on import POWER_ON, PowerOnReset


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
    # What resets is a register behind the synchroniser: there may be several of it, of that only one.
    unsettled, reset = Signal(), Signal(init=1, reset_less=True)
    m.submodules.reset = AsyncFFSynchronizer(~pll.locked, unsettled, o_domain="sync")
    m.d.sync += reset.eq(unsettled)
    m.d.comb += sync.rst.eq(reset)
    clock_hz = dividers.mhz * 1e6
    platform.add_clock_constraint(sync.clk, clock_hz)
    return clock_hz


def _ice40(m: Module, sync: ClockDomain, platform: Any, reference_mhz: float, mhz: float) -> float:
    m.domains.power_on = power_on = ClockDomain(reset_less=True)
    dividers = ice40_dividers(reference_mhz, mhz)
    m.submodules.pll = pll = Ice40Pll(dividers, platform.request(platform.default_clk, dir="-").io)
    m.d.comb += [sync.clk.eq(pll.o), power_on.clk.eq(pll.o)]
    # nextpnr works out the clock's constraint from the oscillator's and the dividers.
    clock_hz = dividers.mhz * 1e6
    reset = PowerOnReset(math.ceil(POWER_ON * clock_hz))
    m.submodules.reset = DomainRenamer("power_on")(reset)
    m.d.comb += [reset.locked.eq(pll.locked), sync.rst.eq(~reset.ready)]
    return clock_hz
