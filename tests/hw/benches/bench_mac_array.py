"""The MAC array on Verilator: sums of pixels with stalls, resets, extremes, and its timing."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import cocotb
from bank_taps import NUMBERS, Event, Script, Window, wrap
from cocotb.triggers import FallingEdge, RisingEdge
from small_arrays import small_array
from support import QUIET, Timed, consecutive, cycle, every_cycle, set_layer, wait

from stillframe.contract.array import ACC_BITS, SLOTS
from stillframe.hw.mac_array import MacArray
from stillframe.hw.payloads import event
from stillframe.sim.vip import StreamSource, parameters, reset, start, unpacker

ROWS = 40
COLUMN_LANES = 4


class Bench:
    """The array, its banks' events, its weights by row and lane, and a drain that takes what it shows."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng, self.stall = dut, random.Random(f"{stall} {seed}"), stall
        self.shape = event(config)
        ports = [f"i__{b}" for b in range(config.banks)]
        self.sources = [StreamSource(dut, port, self.shape, stall, seed) for port in ports]
        self.taken = [Timed(dut, port, self.shape) for port in ports]
        self.weights: list[list[int]] = []
        self.drained: list[tuple[int, list[int], list[int]]] = []  # cycle, touches, sums by bank and lane
        self.events = self.macs = 0
        self.holding = False
        for name in ("write_en", "start", "pixel", "release"):
            getattr(dut, name).value = 0
        every_cycle(dut, self._count)
        cocotb.start_soon(self._drain())

    def _count(self) -> None:
        self.events += int(self.dut.events.value)
        self.macs += int(self.dut.macs.value)

    async def _drain(self) -> None:
        """Takes pixels in order, at most one a cycle, each in a cycle in which it is complete, and its sums
        in the next one."""
        dut, config = self.dut, self.config
        unpack = unpacker(MacArray(config).touches.shape())
        released, touches = False, [0]
        while True:
            await FallingEdge(dut.clk)
            if released:
                acc = int(dut.acc.value)
                lanes = [acc >> lane * ACC_BITS for lane in range(config.total_lanes)]
                self.drained.append((cycle(), touches, [wrap(value) for value in lanes]))
            ready = not self.holding and self.rng.random() >= self.stall and not int(dut.rst.value)
            released = ready and bool(int(dut.complete.value))
            dut.release.value = int(released)
            if released:
                touches = unpack(int(dut.touches.value))
                assert int(dut.touched.value) == any(touches)
            await RisingEdge(dut.clk)
            dut.release.value = 0
            if released:
                dut.pixel.value = (int(dut.pixel.value) + 1) % NUMBERS
            if int(dut.start.value) or int(dut.rst.value):
                dut.pixel.value = 0

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

    async def begin(self, window: Window) -> Script:
        """Start a layer."""
        set_layer(self.dut, **window.fields())
        await wait(self.dut, self.config.taps + 1)
        self.dut.start.value = 1
        await wait(self.dut, 1)
        self.dut.start.value = 0
        await wait(self.dut, 1)
        self.drained.clear()
        self.events = self.macs = 0
        for taken in self.taken:
            taken.clear()
        return Script(self.config, window, self.weights, self.rng)

    async def drain(self, pixels: int) -> None:
        """Wait until so many are drained."""
        for _ in range(50_000):
            if len(self.drained) >= pixels:
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"expected {pixels} pixels, got {len(self.drained)}")

    async def check(self, script: Script) -> None:
        """Send the events, compare the sums and the counts."""
        for source, events in zip(self.sources, script.events, strict=True):
            source.send(events)
        await self.drain(script.pixels)
        await wait(self.dut, QUIET)
        assert len(self.drained) == script.pixels
        lanes = self.config.lanes
        for pixel, (_, touches, acc) in enumerate(self.drained):
            assert touches == script.banks.touches(pixel), f"pixel {pixel}"
            for bank, bits in enumerate(touches):
                for lane in range(lanes):
                    if bits >> self.config.tap_and_place(lane)[0] & 1:
                        wanted = script.banks.acc[pixel, bank, lane]
                        assert acc[bank * lanes + lane] == wanted, f"pixel {pixel}, bank {bank}, lane {lane}"
        assert (self.events, self.macs) == (script.banks.events, script.banks.macs)

    def window(self, kind: str) -> Window:
        """Any layer, ``plain``, ``depthwise``, or with kernel columns ``side`` by side if the array can."""
        rng, banks = self.rng, self.config.banks
        depthwise = kind == "depthwise"
        stride = rng.choice((1, 1, 2, 3, 4))
        side = rng.randint(1, self.config.taps.bit_length() - 1) if kind == "side" and banks > 1 else 0
        share = banks.bit_length() - 1 if depthwise or side else rng.randrange(banks.bit_length())
        top = self.config.total_lanes >> share + side
        return Window(
            kernel_columns=rng.randint(1, 9),
            stride=stride,
            dilation=rng.choice((1, 2)) if stride == 1 else 1,
            tap_rows=rng.randrange(2) if depthwise else rng.choice((1, 2, 4)),
            depthwise=depthwise,
            side_log2=side,
            share_log2=share,
            pass_macs=rng.randint(0, top),
            last_macs=rng.randint(0, top),
        )


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7], kind=["plain", "depthwise", "side"])
async def sums_of_events(dut: Any, stall: float, kind: str) -> None:
    bench = Bench(dut, stall, len(kind))
    await start(dut)
    await bench.load()
    for _ in range(6):
        script = await bench.begin(bench.window(kind))
        for count in (1, 3, 40, 17, 8):
            script.strip(count, bench.rng.choice((0.1, 0.5, 2)), bench.rng.choice((4, 8, 31)))
        await bench.check(script)


@cocotb.test()
async def sums_wrap_at_their_width(dut: Any) -> None:
    """Sums leave the range on the way and come back: -255 * -128, 3000 times, half of it taken back."""
    bench = Bench(dut)
    await start(dut)
    await bench.load(rows=3)  # row 2: -128 in every lane
    script = await bench.begin(Window(kernel_columns=1))
    group = bench.config.group
    for place, values in ((0, [-255] * 3000 + [255] * 1501), (1, [-255] * 2501)):
        for value in values:
            item = {
                "weight": 2,
                "tap": 0,
                "pixel": place,
                "left": place,
                "values": [value] * group,
                "count": 1,
                "final": 0,
            }
            for bank, events in enumerate(script.events):
                script.banks.add(bank, place, item)
                events.append(item)
    for events in script.events:
        events.append({"mark": 1, "complete": 2})
    script.pixels = 2
    await bench.check(script)
    assert bench.drained[0][2][0] == 1499 * 255 * 128
    assert bench.drained[1][2][0] == 2501 * 255 * 128 - (1 << ACC_BITS)


def plain(config: Any, place: int, tap: int = 0) -> Event:
    """An event of little interest."""
    ones = [1] * config.group
    where = {"tap": tap, "pixel": place, "left": place}
    return where | {"weight": 0, "values": ones, "count": 1, "final": 0}


@cocotb.test()
async def a_tap_a_cycle(dut: Any) -> None:
    """Banks multiply in every cycle; a mark costs none behind an event with several taps."""
    bench = Bench(dut)
    await start(dut)
    await bench.load()
    window = Window(kernel_columns=3)
    script = await bench.begin(window)
    bench.holding = True
    taps = [0, 0, 2, 1, 2, 2, 0]
    events = [plain(bench.config, 7, tap) for tap in taps]
    for source in bench.sources:
        source.send([*events[:2], {"mark": 1, "complete": 3}, {"mark": 1, "complete": 5}, *events[2:]])
    await wait(dut, 40)
    for taken in bench.taken:
        starts = [c for c, e in zip(taken.cycles, taken.items, strict=True) if not e["mark"]]
        cycles = [window.cycles(bench.config, e) for e in events]
        assert [b - a for a, b in pairwise(starts)] == cycles[:-1]
    assert bench.events == sum(cycles)
    assert script.pixels == 0


@cocotb.test()
async def lane_groups_share_an_event(dut: Any) -> None:
    """``taps`` kernel columns a cycle of a depthwise layer, others as many as they have side by side."""
    bench = Bench(dut)
    await start(dut)
    await bench.load()
    sides = range(bench.config.taps.bit_length() if bench.config.banks > 1 else 1)
    for window in (
        Window(kernel_columns=9, depthwise=True),
        *(Window(kernel_columns=9, side_log2=side) for side in sides),
    ):
        await bench.begin(window)
        bench.holding = True
        for source in bench.sources:
            source.send(plain(bench.config, 15, tap) for tap in (0, 5, 8, 0))
        await wait(dut, 60)
        for taken in bench.taken:
            parts = [-(-columns // window.side(bench.config)) for columns in (9, 4, 1)]
            assert [b - a for a, b in pairwise(taken.cycles)] == parts


@cocotb.test()
async def latency(dut: Any) -> None:
    """From a mark to its pixels' sums, also right behind an event; pixels follow each other in each cycle."""
    bench = Bench(dut)
    await start(dut)
    await bench.load()
    for events in ([], [plain(bench.config, 0)]):
        await bench.begin(Window(kernel_columns=1))
        for source in bench.sources:
            source.send([*events, {"mark": 1, "complete": 9}])
        await bench.drain(9)
        cycles = [c for c, *_ in bench.drained]
        assert consecutive(cycles)
        assert cycles[0] - bench.taken[0].cycles[-1] == MacArray.LATENCY


@cocotb.test()
async def banks_wait_for_the_drain(dut: Any) -> None:
    """No bank goes ahead by more pixels than it has slots, nor are more completed than can be told apart."""
    bench = Bench(dut)
    await start(dut)
    await bench.load()
    await bench.begin(Window(kernel_columns=1))
    bench.holding = True
    events = [
        plain(bench.config, SLOTS - 1),
        {"mark": 1, "complete": 2},
        plain(bench.config, SLOTS),
        plain(bench.config, SLOTS + 1),
        *({"mark": 1, "complete": n % NUMBERS} for n in (31, 62, 93)),
    ]
    for source in bench.sources:
        source.send(events)
    await wait(dut, 40)
    # The event that cannot go on is already in the bank.
    assert [len(taken.items) for taken in bench.taken] == [3] * bench.config.banks
    bench.holding = False
    await bench.drain(93)
    assert [bool(any(touches)) for _, touches, _ in bench.drained] == [
        pixel in (SLOTS - 1, SLOTS, SLOTS + 1) for pixel in range(93)
    ]


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """After a reset amid a layer the next sums start from nothing; weights stay."""
    bench = Bench(dut, stall, 1)
    await start(dut)
    await bench.load()
    for cycles in range(1, 24, 2):
        script = await bench.begin(bench.window("plain"))
        script.strip(40, 2)
        for source, events in zip(bench.sources, script.events, strict=True):
            source.send(events)
        await wait(dut, cycles)
        await reset(dut, *bench.sources, *bench.taken, cycles=1 + cycles % 3)
        script = await bench.begin(bench.window("plain"))
        script.strip(9, 1)
        await bench.check(script)
