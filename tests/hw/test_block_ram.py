"""Block RAM: the one written out and that of blocks do the same, and an ECP5's uses its registers."""

from __future__ import annotations

import json
import random

import pytest
from amaranth.sim import Simulator, SimulatorContext
from asserted import drive

from stillframe.bitstreams.netlist import synthesise
from stillframe.contract.block_rams import block_rows, registered_block_rams
from stillframe.hw.block_ram import BlockRam, BlockRows

SHAPES = (
    (1500, 54, 2),
    (700, 36, 4),
    (3000, 16, 2),
    (5000, 4, 1),
    (9000, 2, 1),
    (20000, 1, 1),
    (2100, 12, 1),
)
"""Depth, width and granules of memories of blocks of every width, some rows of them deep."""


def test_shapes_have_blocks_of_every_width() -> None:
    assert {row.bits for shape in SHAPES for row in block_rows(*shape)} == {18, 9, 4, 2, 1}


@pytest.mark.parametrize("kind", [BlockRam, BlockRows])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_words_come_after_two_enabled_cycles_and_stay(
    kind: type[BlockRam | BlockRows], shape: tuple[int, int, int]
) -> None:
    depth, width, granules = shape
    dut = kind(depth, width, granules)

    async def bench(ctx: SimulatorContext) -> None:
        rng = random.Random(f"{shape}")
        size = width // granules
        places = [0, depth - 1, *(rng.randrange(depth) for _ in range(6))]
        words = dict.fromkeys(places, 0)
        read = given = 0
        for cycle in range(600):
            enables, into = rng.randrange(1 << granules), rng.choice(places)
            data, place = rng.getrandbits(width), rng.choice([p for p in places if p != into])
            reads, passes = rng.random() < 0.7, rng.random() < 0.7
            drive(ctx, dut, write_en=enables, write_address=into, write_data=data)
            drive(ctx, dut, read_en=reads, read_address=place, out_en=passes)
            await ctx.tick()
            given = read if passes else given
            read = words[place] if reads else read
            mask = sum((1 << size) - 1 << size * n for n in range(granules) if enables >> n & 1)
            words[into] = words[into] & ~mask | data & mask
            assert cycle < 2 or ctx.get(dut.read_data) == given

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize("shape", SHAPES[:3], ids=lambda shape: "x".join(map(str, shape)))
def test_on_an_ecp5_the_registers_are_those_of_the_blocks(shape: tuple[int, int, int]) -> None:
    netlist = synthesise(BlockRam(*shape))
    used = netlist.utilisation
    assert used.block_rams == registered_block_rams(*shape)
    assert used.ff <= 4  # which row of blocks
    cells = json.loads(netlist.path.read_bytes())["modules"]["top"]["cells"].values()
    assert {c["parameters"]["REGMODE_B"] for c in cells if c["type"] == "DP16KD"} == {"OUTREG"}
