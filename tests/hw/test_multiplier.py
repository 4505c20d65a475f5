"""The multiplier: what it computes where it is written out, and that an ECP5's is a block and no more."""

from __future__ import annotations

import json
import random

from amaranth.sim import Simulator, SimulatorContext

from stillframe.bitstreams.netlist import synthesise
from stillframe.hw.multiplier import Multiplier


def test_product_comes_after_two_enabled_cycles_and_stays() -> None:
    multiplier = Multiplier(9, 8)

    async def bench(ctx: SimulatorContext) -> None:
        rng = random.Random(1)
        factors, product = 0, 0
        for _ in range(500):
            enable = rng.random() < 0.6
            a = rng.choice((-256, 255, rng.randrange(-256, 256)))
            b = rng.choice((-128, 127, rng.randrange(-128, 128)))
            for name, value in (("enable", enable), ("a", a), ("b", b)):
                ctx.set(getattr(multiplier, name), value)
            await ctx.tick()
            if enable:
                factors, product = a * b, factors
            assert ctx.get(multiplier.product) == product

    sim = Simulator(multiplier)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_on_an_ecp5_the_registers_are_those_of_the_block() -> None:
    netlist = synthesise(Multiplier(9, 8))
    used = netlist.utilisation
    assert (used.multipliers, used.luts, used.ff) == (1, 0, 0)
    cells = json.loads(netlist.path.read_bytes())["modules"]["top"]["cells"].values()
    (block,) = (cell["parameters"] for cell in cells if cell["type"] == "MULT18X18D")
    for register in ("INPUTA", "INPUTB", "OUTPUT"):
        assert (block[f"REG_{register}_CLK"], block[f"REG_{register}_CE"]) == ("CLK0", "CE0")
