"""The event router on Verilator: what each bank gets of the groups' events, in which order, and when."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, consecutive, noise, set_layer, wait

from stillframe.contract import ArrayConfig
from stillframe.hw.event_router import EventRouter
from stillframe.hw.payloads import event
from stillframe.sim.vip import StreamSource, parameters, reset, start

Event = dict[str, Any]


class Bench:
    """The router and its streams."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config: ArrayConfig = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.shape = event(self.config)
        self.banks = range(self.config.banks)
        self.sources = [StreamSource(dut, f"i__{q}", self.shape, stall, seed) for q in self.banks]
        self.taken = [Timed(dut, f"i__{q}", self.shape) for q in self.banks]
        self.sinks = [TimedSink(dut, f"o__{q}", self.shape, stall, seed) for q in self.banks]
        self.classes = 1

    async def begin(self, share: int) -> None:
        """A layer's share, some cycles before its first event; forget what came."""
        self.classes = 1 << share
        set_layer(self.dut, share_log2=share)
        for port in (*self.taken, *self.sinks):
            port.clear()
        await wait(self.dut, 2)

    def event(self, group: int, number: int) -> Event:
        """An event that can be told from all others."""
        rng = self.rng
        return {
            "mark": 0,
            "complete": noise(rng, 6),
            "weight": group << 16 | number,
            "tap": noise(rng, 7),
            "pixel": noise(rng, 6),
            "left": noise(rng, 5),
            "values": [rng.randrange(-256, 256) for _ in range(self.config.group)],
            "count": rng.randrange(self.config.group + 1),
            "final": noise(rng, 1),
        }

    def blocks(self, counts: list[list[int]]) -> list[list[list[Event]]]:
        """By block and group: so many events, and the block's mark."""
        made = [0] * len(self.banks)
        result: list[list[list[Event]]] = []
        for n, row in enumerate(counts):
            mark = self.event(0, 0) | {"mark": 1, "complete": n % 64}
            result.append([])
            for group, count in enumerate(row):
                events = [self.event(group, made[group] + k) for k in range(count)]
                made[group] += count
                result[-1].append([*events, mark])
        return result

    async def run(self, blocks: list[list[list[Event]]]) -> None:
        """Send all of it and check what comes at every bank."""
        for group, source in enumerate(self.sources):
            source.send(e for block in blocks for e in block[group])
        totals = [
            sum(len(block[q]) - 1 for block in blocks for q in self.of_class(number)) + len(blocks)
            for number in range(self.classes)
        ]
        for bank, sink in enumerate(self.sinks):
            await sink.count(totals[bank % self.classes])
        await wait(self.dut, QUIET)
        for bank, sink in enumerate(self.sinks):
            number = bank % self.classes
            assert sink.items == self.sinks[number].items, f"banks {bank} and {number}"
            self.check(sink.items, blocks, number)

    def of_class(self, number: int) -> list[int]:
        """Groups and banks of a class."""
        return [q for q in self.banks if q % self.classes == number]

    def check(self, items: list[Event], blocks: list[list[list[Event]]], number: int) -> None:
        """Each block's events, of each group in order, then the mark."""
        at = 0
        for n, block in enumerate(blocks):
            members = {q: block[q][:-1] for q in self.of_class(number)}
            length = sum(map(len, members.values()))
            part, mark = items[at : at + length], items[at + length]
            for q, wanted in members.items():
                assert [e for e in part if e["weight"] >> 16 == q] == wanted, f"group {q} in block {n}"
            assert mark["mark"]
            assert mark["complete"] == n % 64
            at += length + 1
        assert at == len(items)


def shares(dut: Any) -> range:
    """Every ``share_log2`` of the array."""
    return range(small_array(parameters()["array"]).banks.bit_length())


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.8])
async def every_event_once(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall)
    await start(dut)
    rng = bench.rng
    for share in shares(dut):
        for most in (0, 1, 12):
            await bench.begin(share)
            await bench.run(bench.blocks([[rng.randrange(most + 1) for _ in bench.banks] for _ in range(20)]))


@cocotb.test()
async def an_event_a_cycle(dut: Any) -> None:
    """Each class gives one in each cycle, whichever of its groups have any; the first after ``LATENCY``."""
    bench = Bench(dut)
    await start(dut)
    for share in shares(dut):
        await bench.begin(share)
        # In each block only one group of a class has events, another one in the next.
        counts = [[12 * (q >> share == n % len(bench.of_class(0))) for q in bench.banks] for n in range(16)]
        await bench.run(bench.blocks(counts))
        for sink in bench.sinks:
            assert consecutive(sink.cycles)
        assert bench.sinks[0].cycles[0] - bench.taken[0].cycles[0] == EventRouter.LATENCY


@cocotb.test()
async def groups_take_turns(dut: Any) -> None:
    """While all groups of a class have events, each gives one of as many as they are."""
    bench = Bench(dut)
    await start(dut)
    for share in shares(dut):
        await bench.begin(share)
        await bench.run(bench.blocks([[40] * len(bench.banks)]))
        for bank, sink in enumerate(bench.sinks):
            groups = bench.of_class(bank % bench.classes)
            for n in range(len(groups) * 20):
                turn = [e["weight"] >> 16 for e in sink.items[n : n + len(groups)]]
                assert sorted(turn) == groups, f"from event {n}"


@cocotb.test()
async def a_bank_that_waits(dut: Any) -> None:
    """It holds up its class only, and that not at once."""
    bench = Bench(dut)
    await start(dut)
    for share in shares(dut):
        await bench.begin(share)
        waiting = bench.banks[-1]
        bench.sinks[waiting].stall = 1.0
        await wait(dut, 2)
        blocks = bench.blocks([[60] * len(bench.banks)])
        for group, source in enumerate(bench.sources):
            source.send(e for block in blocks for e in block[group])
        await wait(dut, 60 * len(bench.banks) + 20)
        for bank, sink in enumerate(bench.sinks):
            number = bank % bench.classes
            if number != waiting % bench.classes:
                bench.check(sink.items, blocks, number)
            elif bank != waiting:
                assert 10 < len(sink.items) < 20
        bench.sinks[waiting].stall = 0.0
        total = 60 * len(bench.of_class(waiting % bench.classes)) + 1
        await bench.sinks[waiting].count(total)
        await wait(dut, 30)
        for bank, sink in enumerate(bench.sinks):
            bench.check(sink.items, blocks, bank % bench.classes)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 2)
    await start(dut)
    for cycles in range(1, 40, 3):
        await bench.begin(cycles % len(shares(dut)))
        for group, source in enumerate(bench.sources):
            source.send(e for block in bench.blocks([[9] * len(bench.banks)]) for e in block[group])
        await wait(dut, cycles)
        await reset(dut, *bench.sources, *bench.taken, *bench.sinks, cycles=1 + cycles % 3)
        await wait(dut, QUIET)
        assert not any(sink.items for sink in bench.sinks)
        await bench.run(bench.blocks([[2] * len(bench.banks), [1] * len(bench.banks)]))
