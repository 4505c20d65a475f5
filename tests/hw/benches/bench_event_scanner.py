"""The scanner of a group on Verilator, against the masks and values that its memories hold."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from bank_taps import LEFT_MOST
from cocotb.triggers import RisingEdge
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, consecutive, noise, set_layer, wait

from stillframe.contract import ArrayConfig
from stillframe.contract.array import MASK_COLUMNS
from stillframe.hw.event_scanner import QUEUE_DEPTH, EventScanner
from stillframe.hw.payloads import REQUEST, event
from stillframe.sim.vip import StreamSource, parameters, reset, start

WORDS = 40
"""Mask words that are filled."""

ALL = (1 << MASK_COLUMNS) - 1
Request = dict[str, int]
Event = dict[str, Any]


def signed(value: int, bits: int) -> int:
    """A number modulo two to the ``bits``, as two's complement shows it."""
    half = 1 << bits - 1
    return (value + half) % (2 * half) - half


class Bench:
    """The scanner, its streams, and what its memories hold."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        given = parameters()
        self.config: ArrayConfig = small_array(given["array"])
        self.group: int = given["group"]
        self.size = self.config.group
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.source = StreamSource(dut, "i", REQUEST, stall, seed)
        self.taken = Timed(dut, "i", REQUEST)
        self.sink = TimedSink(dut, "o", event(self.config), stall, seed)
        self.masks: list[int] = []
        self.values: list[list[int]] = []
        self.depthwise, self.share, self.stride = 0, 0, 0
        dut.mask_en.value = dut.event_en.value = 0

    async def load(self, density: float, *, depthwise: int = 0, share: int = 0, stride: int = 0) -> None:
        """A layer, and its masks with events of some density; values that are no event are noise, or 0 in a
        depthwise layer."""
        dut, rng, size = self.dut, self.rng, self.size
        self.depthwise, self.share, self.stride = depthwise, share, stride
        set_layer(dut, depthwise=depthwise, share_log2=share, stride_log2=stride)
        width = MASK_COLUMNS * size
        self.masks = [sum((rng.random() < density) << n for n in range(width)) for _ in range(WORDS)]
        self.values = []
        for mask in self.masks:
            for column in range(MASK_COLUMNS):
                bits = [mask >> column * size + n & 1 for n in range(size)]
                self.values.append([signed(noise(rng, 9), 9) if bit or not depthwise else 0 for bit in bits])
        dut.mask_en.value, dut.event_en.value = (1 << size) - 1, 1
        for n, word in enumerate(self.values):
            dut.mask_address.value = n % WORDS
            dut.mask_bits.value = self.masks[n % WORDS]
            dut.event_address.value = n
            dut.event_values.value = sum((value & 0x1FF) << 9 * e for e, value in enumerate(word))
            await RisingEdge(dut.clk)
        dut.mask_en.value = dut.event_en.value = 0

    def request(self, word: int | None = None, **fields: int) -> Request:
        """To look at a word, at some of its columns or none; ``fields`` say otherwise."""
        rng = self.rng
        word = rng.randrange(WORDS) if word is None else word
        return {
            "address": word,
            "events": word * MASK_COLUMNS,
            "columns": rng.choice((0, ALL, ALL, noise(rng, MASK_COLUMNS), 1 << rng.randrange(MASK_COLUMNS))),
            "weight": noise(rng, 20),
            "tap": noise(rng, 7),
            "place": rng.choice((rng.randrange(-9, 9), rng.randrange(4000), -4096)),
            "first": noise(rng, 6),
            "complete": noise(rng, 6),
            "end": int(rng.random() < 0.3),
            "final": noise(rng, 1),
        } | fields

    def events(self, request: Request) -> list[Event]:
        """What a request gives; of a mark only what it says."""
        result = []
        same = {name: request[name] for name in ("tap", "final")}
        for column in range(MASK_COLUMNS):
            bits = self.masks[request["address"]] >> column * self.size & (1 << self.size) - 1
            place = request["place"] + (column >> self.stride)
            if not request["columns"] >> column & 1 or not bits or place < 0:
                continue
            values = self.values[request["events"] + column]
            pixel = (request["first"] + place) % 64
            base = same | {"mark": 0, "pixel": pixel, "left": min(place, LEFT_MOST)}
            if self.depthwise:
                count = bits.bit_count()
                result.append(base | {"values": values, "count": count, "weight": request["weight"]})
                continue
            for element in range(self.size):
                if bits >> element & 1:
                    row = (self.group >> self.share) * self.size + element
                    weight = (request["weight"] + row) % (1 << 20)
                    alike = {"values": [values[element]] * self.size, "count": 1}
                    result.append(base | alike | {"weight": weight})
        if request["end"]:
            result.append({"mark": 1, "complete": request["complete"]})
        return result

    async def check(self, requests: list[Request]) -> list[Event]:
        """Send requests, compare what comes."""
        self.taken.clear()
        self.sink.clear()
        wanted = [found for request in requests for found in self.events(request)]
        self.source.send(requests)
        await self.source.sent()
        for _ in range(10_000):
            if not int(self.dut.busy.value):
                break
            await RisingEdge(self.dut.clk)
        else:
            raise AssertionError("still busy")
        await wait(self.dut, QUIET)
        assert len(self.sink.items) == len(wanted)
        for n, (came, want) in enumerate(zip(self.sink.items, wanted, strict=True)):
            assert {name: came[name] for name in want} == want, f"event {n}"
        return wanted


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7], density=[0.02, 0.3, 1.0])
async def convolutions(dut: Any, stall: float, density: float) -> None:
    bench = Bench(dut, stall)
    await start(dut)
    for share in range(bench.config.banks.bit_length()):
        await bench.load(density, share=share, stride=bench.rng.randrange(4))
        await bench.check([bench.request() for _ in range(80)])


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5], density=[0.02, 0.3, 1.0])
async def depthwise(dut: Any, stall: float, density: float) -> None:
    bench = Bench(dut, stall, 1)
    await start(dut)
    for stride in range(4):
        await bench.load(density, depthwise=1, share=bench.config.banks.bit_length() - 1, stride=stride)
        await bench.check([bench.request() for _ in range(50)])


@cocotb.test()
async def an_event_a_cycle(dut: Any) -> None:
    """No bubble between words, marks and what follows; the first event after ``LATENCY`` cycles."""
    bench = Bench(dut)
    await start(dut)
    await bench.load(0.3)
    requests = [bench.request(columns=ALL, place=0, end=n % 5 == 4) for n in range(60)]
    found = await bench.check(requests)
    assert len(found) > 60
    assert consecutive(bench.sink.cycles)
    assert bench.sink.cycles[0] - bench.taken.cycles[0] == EventScanner.LATENCY


@cocotb.test()
async def a_word_without_events_a_cycle(dut: Any) -> None:
    """They vanish, also while the sink takes nothing; a single mark comes after ``LATENCY`` cycles."""
    bench = Bench(dut)
    await start(dut)
    await bench.load(0.0)
    bench.sink.stall = 1.0
    bench.source.send([bench.request(columns=ALL, end=0) for _ in range(100)] + [bench.request(end=1)])
    await bench.source.sent()
    assert consecutive(bench.taken.cycles)
    bench.sink.stall = 0.0
    await bench.sink.count(1)
    bench.sink.clear()
    bench.taken.clear()
    await bench.check([bench.request(end=1)])
    assert bench.sink.cycles[0] - bench.taken.cycles[0] == EventScanner.LATENCY


@cocotb.test()
async def a_sink_that_waits(dut: Any) -> None:
    """Words with events are taken while they find room in the two queues, and none is lost."""
    bench = Bench(dut)
    await start(dut)
    await bench.load(1.0)
    bench.sink.stall = 1.0
    await wait(dut, 2)
    requests = [bench.request(columns=1, place=0, end=0) for _ in range(80)]
    bench.taken.clear()
    bench.source.send(requests)
    await wait(dut, 150)
    waiting = len(bench.taken.items)
    assert QUEUE_DEPTH < waiting <= 2 * QUEUE_DEPTH + 2
    assert int(dut.busy.value)
    bench.sink.stall = 0.0
    await bench.sink.count(80 * bench.size)
    wanted = [found["weight"] for request in requests for found in bench.events(request)]
    assert [came["weight"] for came in bench.sink.items] == wanted


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 2)
    await start(dut)
    await bench.load(0.3)
    for cycles in range(1, 40, 3):
        bench.source.send(bench.request() for _ in range(40))
        await wait(dut, cycles)
        await reset(dut, bench.source, bench.taken, bench.sink, cycles=1 + cycles % 3)
        await wait(dut, 2 * QUIET)
        assert not bench.sink.items
        await bench.check([bench.request() for _ in range(10)])
