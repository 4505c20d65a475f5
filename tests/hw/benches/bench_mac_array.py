"""The MAC array on Verilator: sums of lanes with stalls, resets, extremes, and its timing."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, consecutive, wait

from stillframe.contract.array import ACC_BITS
from stillframe.hw.mac_array import MacArray
from stillframe.hw.payloads import event, sums
from stillframe.sim.vip import StreamSource, parameters, reset, start

ROWS = 24
COLUMN_LANES = 4
Event = dict[str, Any]


def wrap(value: int) -> int:
    """The accumulator's range."""
    half = 1 << (ACC_BITS - 1)
    return (value + half) % (2 * half) - half


class Bench:
    """The array, its streams and its weights, by row and lane."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.source = StreamSource(dut, "i", event(config), stall, seed)
        self.taken = Timed(dut, "i", event(config))
        self.sink = TimedSink(dut, "o", sums(config), stall, seed)
        self.weights: list[list[int]] = []
        dut.write_en.value = 0

    async def load(self, rows: int = ROWS) -> None:
        """Write weights, in any order of columns; some rows have the extremes only."""
        dut, rng, lanes = self.dut, self.rng, self.config.total_lanes
        kinds = (lambda: rng.randrange(-128, 128), lambda: rng.choice((-128, 127)), lambda: -128)
        self.weights = [[kinds[min(2, row % 5)]() for _ in range(lanes)] for row in range(rows)]
        writes = [(row, column) for row in range(rows) for column in range(lanes // COLUMN_LANES)]
        rng.shuffle(writes)
        dut.write_en.value = 1
        for row, column in writes:
            four = self.weights[row][COLUMN_LANES * column :][:COLUMN_LANES]
            dut.write_row.value, dut.write_column.value = row, column
            dut.write_data.value = sum((w & 0xFF) << 8 * n for n, w in enumerate(four))
            await RisingEdge(dut.clk)
        dut.write_en.value = 0

    def pixel(self, events: int) -> list[Event]:
        """Random events, the last of them marked so; a single one may be null.

        They are a convolution's, which all lanes take, or a depthwise layer's, for some lanes: one value or a
        word of them.
        """
        rng, lanes, drain = self.rng, self.config.total_lanes, self.config.drain
        null = events == 1 and rng.random() < 0.3
        kind = rng.choice(("convolution", "word", "channel"))
        result = []
        for n in range(events):
            values = [0 if null else rng.choice((-255, 255, rng.randrange(-255, 256))) for _ in range(drain)]
            first, last = 0, lanes - 1
            if kind == "word":
                first = rng.randrange(0, lanes, drain)
                last = first + drain - 1
            else:
                values = values[:1] * drain
            if kind == "channel":
                first = rng.randrange(lanes)
                last = min(lanes - 1, first + rng.randrange(8))
            result.append(
                {
                    "weight": rng.randrange(len(self.weights)),
                    "values": values,
                    "first_lane": first,
                    "last_lane": last,
                    "macs": rng.randrange(128),
                    "final": rng.randrange(2),
                    "null": int(null),
                    "last": int(n == events - 1),
                }
            )
        return result

    def sums(self, pixel: list[Event]) -> dict[str, list[int]]:
        """What is to come out for a pixel's events."""
        drain = self.config.drain
        terms = [
            [
                e["values"][lane % drain] * w if e["first_lane"] <= lane <= e["last_lane"] else 0
                for lane, w in enumerate(self.weights[e["weight"]])
            ]
            for e in pixel
        ]
        return {"acc": [wrap(sum(lane)) for lane in zip(*terms, strict=True)]}

    async def check(self, pixels: list[list[Event]]) -> None:
        """Send the events of pixels, compare their sums."""
        self.taken.clear()
        self.sink.clear()
        self.source.send(e for pixel in pixels for e in pixel)
        await self.sink.count(len(pixels))
        await wait(self.dut, QUIET)
        assert self.sink.items == [self.sums(pixel) for pixel in pixels]


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.2, 0.7])
async def sums_of_events(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall)
    await start(dut)
    for _ in range(2):
        await bench.load()
        await bench.check([bench.pixel(bench.rng.choice((1, 1, 2, 3, 9, 30))) for _ in range(60)])


@cocotb.test()
async def sums_wrap_at_their_width(dut: Any) -> None:
    """Sums leave the range on the way and come back: -255 * -128, 3000 times, half of it taken back."""
    bench = Bench(dut)
    await start(dut)
    await bench.load(rows=3)  # row 2: -128 in every lane
    lanes, drain = bench.config.total_lanes, bench.config.drain
    up, down = (
        {"weight": 2, "values": [v] * drain, "first_lane": 0, "last_lane": lanes - 1, "last": 0}
        for v in (-255, 255)
    )
    last = {"last": 1}
    await bench.check([[up] * 3000 + [down] * 1500 + [down | last], [up] * 2500 + [up | last]])
    assert bench.sink.items[0]["acc"][0] == 1499 * 255 * 128
    assert bench.sink.items[1]["acc"][0] == 2501 * 255 * 128 - (1 << ACC_BITS)


@cocotb.test()
async def latency_and_one_event_a_cycle(dut: Any) -> None:
    """The array takes an event in every cycle, also when each one completes sums."""
    bench = Bench(dut)
    await start(dut)
    await bench.load()
    await bench.check([bench.pixel(n) for n in (5, 1, 1, 1, 2, 7, 1)])
    assert consecutive(bench.taken.cycles)
    ends = [c for c, e in zip(bench.taken.cycles, bench.taken.items, strict=True) if e["last"]]
    assert [o - i for i, o in zip(ends, bench.sink.cycles, strict=True)] == [MacArray.LATENCY] * len(ends)


@cocotb.test()
async def only_waiting_sums_stall_it(dut: Any) -> None:
    """While sums wait, nothing is taken; events up to then are."""
    bench = Bench(dut)
    await start(dut)
    await bench.load()
    bench.sink.stall = 1.0
    await wait(dut, 2)
    bench.taken.clear()
    bench.source.send(e for _ in range(9) for e in bench.pixel(1))
    await wait(dut, 30)
    assert len(bench.taken.items) == MacArray.LATENCY
    assert consecutive(bench.taken.cycles)
    assert not bench.sink.items
    bench.sink.stall = 0.0
    await bench.sink.count(9)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """After a reset amid a pixel the next sums start from nothing; weights stay."""
    bench = Bench(dut, stall, 1)
    await start(dut)
    await bench.load()
    for cycles in range(1, 24, 2):
        bench.source.send(e for _ in range(4) for e in bench.pixel(7))
        await wait(dut, cycles)
        await reset(dut, bench.source, bench.taken, bench.sink, cycles=1 + cycles % 3)
        await bench.check([bench.pixel(3) for _ in range(3)])
