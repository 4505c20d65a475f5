"""The requantiser against TFLite's arithmetic, in Amaranth's simulator."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from amaranth.sim import Simulator, SimulatorContext
from hypothesis import given, settings
from hypothesis import strategies as st
from requantise_reference import Channel, Range, random_channel, random_sum, requantise
from stream_bench import Write, run_stream

from stillframe.contract import ArrayConfig
from stillframe.contract.parts import VIRTUAL
from stillframe.hw.requantise_lane import RequantiseLane
from stillframe.hw.requantiser import Requantiser

CONFIG = ArrayConfig.parse("1x16@25F")
ROWS = 20
Operand = tuple[int, Channel]


class LaneBench:
    """A lane that is elaborated once and run many times."""

    def __init__(self) -> None:
        self.lane = RequantiseLane()
        self.ran = False
        self.sim = Simulator(self.lane)
        self.sim.add_clock(1e-6)
        self.sim.add_testbench(self._bench)

    def run(self, operands: Iterable[Operand], layer: Range) -> list[int]:
        """The codes of operands given one a cycle, each taken ``LATENCY`` cycles after its operands."""
        self.operands, self.layer = list(operands), layer
        self.codes: list[int] = []
        if self.ran:
            self.sim.reset()
        self.ran = True
        self.sim.run()
        return self.codes

    async def _bench(self, ctx: SimulatorContext) -> None:
        lane: Any = self.lane
        ctx.set(lane.enable, 1)
        ctx.set(lane.zero_point, self.layer.zero_point)
        ctx.set(lane.round_once, self.layer.round_once)
        ctx.set(lane.under, self.layer.act_min - self.layer.zero_point - 1)
        ctx.set(lane.most, self.layer.act_max - self.layer.zero_point)
        ctx.set(lane.act_min, self.layer.act_min)
        ctx.set(lane.act_max, self.layer.act_max)
        for cycle in range(len(self.operands) + lane.LATENCY - 1):
            if cycle < len(self.operands):
                z, channel = self.operands[cycle]
                ctx.set(lane.z, z)
                for name in ("bias", "multiplier", "right", "left"):
                    ctx.set(getattr(lane, name), getattr(channel, name))
            await ctx.tick()
            if cycle >= lane.LATENCY - 1:
                self.codes.append(ctx.get(lane.code))


@pytest.fixture(scope="module")
def lane() -> LaneBench:
    return LaneBench()


def check(lane: LaneBench, operands: list[Operand], layer: Range) -> None:
    codes = lane.run(operands, layer)
    assert len(codes) == len(operands)
    for (z, channel), code in zip(operands, codes, strict=True):
        assert code == requantise(z, channel, layer), (z, channel, layer)


SHIFTS = [(right, 0) for right in range(32)] + [(0, left) for left in range(1, 8)]


@pytest.mark.parametrize(
    "layer",
    [Range(), Range(-128, -128, 127), Range(127, -20, 90), Range(-5, 3, 3), Range(round_once=True)],
)
def test_lane_at_the_ends_of_every_operand_and_all_shifts(lane: LaneBench, layer: Range) -> None:
    sums = (-(2**29), -(2**23), -1, 0, 1, 2**23, 2**29 - 1)
    biases = (-(2**31), -1, 0, 2**31 - 1)  # the outer ones wrap around
    operands = [
        (z, Channel(bias, multiplier, right, left))
        for z, bias, multiplier, (right, left) in product(sums, biases, (0, 1 << 30, 2**31 - 1), SHIFTS)
    ]
    check(lane, operands, layer)


def test_lane_rounds_every_half_away_from_zero(lane: LaneBench) -> None:
    # Multiplying by 1/2 and shifting right meets both roundings' halves again and again.
    operands = [(z, Channel(0, 1 << 30, right)) for z in range(-600, 600) for right in range(5)]
    check(lane, operands, Range(3))
    check(lane, operands, Range(3, round_once=True))
    halves = [requantise(z, Channel(0, 1 << 30, 1), Range()) for z in (-10, -6, -2, 2, 6, 10)]
    assert halves == [-3, -2, -1, 1, 2, 3]


def test_lane_saturates_at_both_ends_and_passes_what_lies_between(lane: LaneBench) -> None:
    operands = [(z, Channel(0, 2**31 - 1, right)) for right in range(18) for z in edge(right)]
    codes = lane.run(operands, Range())
    check(lane, operands, Range())
    assert {-128, -127, 126, 127} <= set(codes)


def edge(right: int) -> list[int]:
    """Sums around the least and greatest ones that do not saturate, and far beyond them."""
    steps = product((-1, 1), (126, 127, 128, 256, 512, 1024), (-1, 0, 1))
    near = [sign * (n << right) + d for sign, n, d in steps]
    return [z for z in near if -(2**29) <= z < 2**29]


CHANNELS = st.builds(
    lambda bias, multiplier, shift: Channel(bias, multiplier, *shift),
    st.integers(-(2**31), 2**31 - 1) | st.integers(-5000, 5000),
    st.integers(1 << 30, 2**31 - 1) | st.integers(0, 2**31 - 1),
    st.sampled_from(SHIFTS),
)
CODES = st.integers(-128, 127)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(2**29), 2**29 - 1) | st.integers(-9999, 9999), CHANNELS), min_size=1),
    st.builds(
        lambda zero, ends, once: Range(zero, min(ends), max(ends), once),
        CODES,
        st.tuples(CODES, CODES),
        st.booleans(),
    ),
)
def test_lane_on_anything(lane: LaneBench, operands: list[Operand], layer: Range) -> None:
    check(lane, operands, layer)


def parameters(rng: random.Random, drain: int) -> tuple[list[list[Channel]], list[Write]]:
    """Channels by row and lane, and the host's writes of them in a random order."""
    table = [[random_channel(rng) for _ in range(drain)] for _ in range(ROWS)]
    writes = [
        (column * drain + d, row, value)
        for row, channels in enumerate(table)
        for d, channel in enumerate(channels)
        for column, value in enumerate(channel.columns(last=(row, d) == (ROWS - 1, drain - 1)))
    ]
    rng.shuffle(writes)
    return table, writes


def words(rng: random.Random, drain: int, count: int) -> list[dict[str, Any]]:
    return [
        {
            "z": [random_sum(rng) for _ in range(drain)],
            "row": rng.randrange(ROWS),
            "offset": rng.randrange(2**16),
            "valid": rng.randrange(2**drain),
        }
        for _ in range(count)
    ]


def expected(word: dict[str, Any], table: list[list[Channel]], layer: Range) -> dict[str, Any]:
    channels = table[word["row"]]
    codes = [requantise(z, channel, layer) for z, channel in zip(word["z"], channels, strict=True)]
    return {"codes": codes} | {name: word[name] for name in ("row", "offset", "valid")}


@pytest.mark.parametrize(
    ("drain", "stall"), [(1, 0.3), (2, 0.0), (2, 0.3), (2, 0.8), (4, 0.0), (4, 0.8), (16, 0.3), (32, 0.3)]
)
def test_words_keep_their_order_and_parameters(drain: int, stall: float) -> None:
    rng = random.Random(f"{drain} {stall}")
    layer = Range(rng.randrange(-128, 128), -100, 120, round_once=drain == 1)
    table, writes = parameters(rng, drain)
    sent = words(rng, drain, 150)
    config = replace(CONFIG, drain=drain, params_words=64 if drain == 4 else 512)
    if config.params_cache and config.params_cache < ROWS:
        config = replace(config, part=VIRTUAL)
    component = Requantiser(config)
    run = run_stream(component, sent, layer=layer.fields(), writes=writes, stall=stall)
    assert run.words == [expected(word, table, layer) for word in sent]


def test_latency_and_one_word_a_cycle() -> None:
    rng = random.Random(1)
    table, writes = parameters(rng, 2)
    sent = words(rng, 2, 40)
    run = run_stream(Requantiser(CONFIG), sent, layer=Range().fields(), writes=writes)
    assert run.taken == list(range(run.taken[0], run.taken[0] + 40))
    latency = [after - before for before, after in zip(run.taken, run.given, strict=True)]
    assert latency == [Requantiser.LATENCY] * 40
    assert run.words == [expected(word, table, Range()) for word in sent]


def test_writing_parameters_in_mid_stream_is_caught() -> None:
    component = Requantiser(CONFIG)
    sim = Simulator(component)
    sim.add_clock(1e-6)

    async def bench(ctx: SimulatorContext) -> None:
        ctx.set(component.i.valid, 1)
        ctx.set(component.write_en, 1)
        await ctx.tick()
        await ctx.tick()

    sim.add_testbench(bench)
    with pytest.raises(AssertionError, match="PARAMS written while words are requantised"):
        sim.run()
