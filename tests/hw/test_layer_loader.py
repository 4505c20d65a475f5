"""LayerLoader: descriptors out of the memory, one after the other, in time."""

import random
from typing import Any

from amaranth.sim import Simulator

from stillframe.contract import ArrayConfig
from stillframe.contract.array import LAYER_WORDS
from stillframe.contract.layer import LAYER_FIELDS, pack_layer
from stillframe.hw.layer_loader import LayerLoader


def some_layer(rng: random.Random) -> dict[str, int]:
    """A value for each field."""
    return {
        f.name: rng.randrange(-(1 << (f.width - 1)), 1 << (f.width - 1))
        if f.signed
        else rng.randrange(1 << f.width)
        for f in LAYER_FIELDS.values()
    }


def test_layers_come_one_after_the_other_and_again_from_the_first() -> None:
    config, rng = ArrayConfig.parse("1x4@25F"), random.Random(1)
    dut = LayerLoader(config)
    layers = [some_layer(rng) for _ in range(config.layers)]

    async def next_layer(ctx: Any) -> int:
        """Take a layer as soon as it is loaded; the cycles that were waited."""
        waited = 0
        while not ctx.get(dut.loaded):
            await ctx.tick()
            waited += 1
        ctx.set(dut.take, 1)
        await ctx.tick()
        ctx.set(dut.take, 0)
        return waited

    async def bench(ctx: Any) -> None:
        ctx.set(dut.write_en, 1)
        for number, fields in enumerate(layers):
            for index, word in enumerate(pack_layer(fields)):
                ctx.set(dut.write_row, number * LAYER_WORDS + index)
                ctx.set(dut.write_data, word)
                await ctx.tick()
        ctx.set(dut.write_en, 0)
        for key, count in [(1, 3), (0, config.layers), (1, 2)]:
            await ctx.tick().repeat(rng.randrange(2 * LAYER_WORDS))  # perhaps in the midst of another one
            ctx.set(dut.restart, 1)
            ctx.set(dut.key, key)
            await ctx.tick()
            ctx.set(dut.restart, 0)
            ctx.set(dut.key, 1 - key)
            for number, fields in enumerate(layers[:count]):
                assert await next_layer(ctx) == LayerLoader.LATENCY - 1
                assert ctx.get(dut.number) == number
                assert {name: ctx.get(getattr(dut.layer, name)) for name in fields} == fields
                assert ctx.get(dut.layer.key) == key

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
