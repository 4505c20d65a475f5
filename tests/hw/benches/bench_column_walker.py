"""The column walker on Verilator, against a plain model and against the sum of a convolution."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from column_layers import layer, random_layer, random_rows
from column_products import convolution, products
from column_walk import Fields, Strip, walk
from support import QUIET, Timed, TimedSink, consecutive, cycle, set_layer, wait

from stillframe.hw.column_walker import ColumnWalker
from stillframe.hw.payloads import KERNEL_ROWS, REQUEST, STRIP
from stillframe.sim.vip import StreamSource, reset, start

SETUP = 9
"""Cycles from the start of a layer until a row is taken, at the most."""

STRIP_CYCLES = 2
"""Cycles that a strip takes beside one for each look."""

ROW_CYCLES = 7
"""The least cycles of a row."""

ROWS = 10
"""Rows walked without a gap."""


class Bench:
    """The walker and its three streams."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        dut.start.value = 0
        self.rows = StreamSource(dut, "i", KERNEL_ROWS, stall, seed)
        self.taken = Timed(dut, "i", KERNEL_ROWS)
        self.strips = TimedSink(dut, "strips", STRIP, stall, seed)
        self.requests = TimedSink(dut, "o", REQUEST, stall, seed)

    async def begin(self, fields: Fields) -> None:
        """Set the layer and start."""
        for port in (self.taken, self.strips, self.requests):
            port.clear()
        set_layer(self.dut, **fields)
        self.dut.start.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.start.value = 0

    async def check(self, fields: Fields, rows: list[dict[str, int]]) -> None:
        """Walk rows; compare strips and requests, and what comes of the requests."""
        strips, requests = walk(fields, rows)
        await self.begin(fields)
        self.rows.send(rows)
        await self.rows.sent()
        for _ in range(100_000):
            await RisingEdge(self.dut.clk)
            if not int(self.dut.busy.value):
                break
        assert not int(self.dut.busy.value), f"busy for ever: {fields}"
        assert len(self.requests.items) == len(requests), f"{fields}, {rows}"
        await wait(self.dut, QUIET)
        assert self.strips.items == strips, fields
        said = [
            {name: item[name] if name != "complete" or item["end"] else 0 for name in want}
            for item, want in zip(self.requests.items, requests, strict=True)
        ]
        assert said == requests, f"{fields}, {rows}"
        counts = [strip["count"] for strip in strips]
        assert products(fields, counts, self.requests.items) == convolution(fields, rows), fields


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7])
async def random_layers(dut: Any, stall: float) -> None:
    """Kernels, strides, dilations, paddings, passes and strips of all kinds; rows with and without events."""
    bench = Bench(dut, stall, 1)
    await start(dut)
    for n in range(80):
        fields = random_layer(bench.rng)
        rows = random_rows(bench.rng, fields, bench.rng.randrange(1, 4), (1.0, 0.6, 0.2, 0.0)[n % 4])
        await bench.check(fields, rows)


@cocotb.test()
async def tall_kernels(dut: Any) -> None:
    """64 kernel rows, some of them live; 64 columns in strips."""
    bench = Bench(dut, 0.1, 2)
    await start(dut)
    for density in (1.0, 0.5, 0.05):
        fields = layer(bench.rng, 64, width=66, out_width=3, strip=8, pad=0, block_log2=3)
        fields["kernel_rows"] = 64
        await bench.check(fields, random_rows(bench.rng, fields, 1, density))


@cocotb.test()
async def wide_rows(dut: Any) -> None:
    """Pixel numbers stay unambiguous where a thousand pixels see nothing."""
    bench = Bench(dut, 0.0, 3)
    await start(dut)
    for density in (0.0, 1.0):
        fields = layer(bench.rng, 1, width=8, out_width=1000, strip=1000, pad=127, block_log2=3)
        await bench.check(fields, random_rows(bench.rng, fields, 2, density))
        fields = layer(bench.rng, 3, 2, width=4088, out_width=2044, strip=2044, pad=1, block_log2=3)
        await bench.check(
            fields | {"stride_log2": 1, "groups": 1}, random_rows(bench.rng, fields, 1, density)
        )


def plain(rng: random.Random, kernel: int, width: int, words: int) -> Fields:
    """A convolution with SAME padding and stride 1 in one pass."""
    fields = layer(
        rng, kernel, width=width, out_width=width, strip=width, pad=kernel // 2, words=words, block_log2=2
    )
    rows = {"kernel_rows": kernel, "groups": 1, "depthwise": 0, "in_words": words}
    return fields | rows | {"tap_rows": 4, "word_row": 4 * kernel, "kernel_row": 4 * kernel * words}


@cocotb.test()
async def one_request_a_cycle(dut: Any) -> None:
    """From block to block and from row to row there is no gap, if a row has requests for the cycles that its
    looks take; and the first request comes in time."""
    bench = Bench(dut, 0.0, 4)
    await start(dut)
    shapes = ((3, 32, 1), (3, 16, 2), (3, 8, 4), (5, 20, 1), (1, 8, 8), (1, 32, 1), (1, 5, 2), (9, 12, 1))
    for kernel, width, channels in shapes:
        fields = plain(bench.rng, kernel, width, channels)
        await bench.check(fields, random_rows(bench.rng, fields, ROWS, 1.0))
        cycles = bench.requests.cycles
        assert cycles[0] == bench.taken.cycles[0] + ColumnWalker.LATENCY
        assert bench.strips.cycles[0] < cycles[0]
        of_row = len(cycles) // ROWS
        looks = len(list(Strip(fields, 0, width).looks(False)))
        periods = [cycles[n + of_row] - cycles[n] for n in range(0, len(cycles) - of_row, of_row)]
        period = max(looks + STRIP_CYCLES, ROW_CYCLES)
        if of_row >= period:
            assert consecutive(cycles), fields
        else:
            assert max(periods) == period, fields


@cocotb.test()
async def dead_kernel_rows(dut: Any) -> None:
    """Kernel rows above the first live one and below the last cost nothing but time before the first look."""
    bench = Bench(dut, 0.0, 7)
    await start(dut)
    fields = plain(bench.rng, 5, 16, 3)
    for live, dead in ((0b11111, 0), (0b00100, 0), (0b10000, 0), (0b10001, 3), (0b01010, 1), (1 << 40, 0)):
        rows = random_rows(bench.rng, fields, 3 if live < 32 else 1, 1.0)
        for row in rows:
            row["live"] = live
        await bench.check(fields, rows)
        cycles = bench.requests.cycles
        above = (live & -live).bit_length() - 1
        assert cycles[0] == bench.taken.cycles[0] + max(ColumnWalker.LATENCY, above + 6)
        looks = len(rows) * len(list(Strip(fields, 0, 16).looks(False)))
        assert cycles[-1] - cycles[0] + 1 == len(cycles) + dead * looks, bin(live)


@cocotb.test()
async def rows_wait_for_the_products(dut: Any) -> None:
    """A row that is offered at the start is taken within 8 cycles."""
    bench = Bench(dut, 0.0, 5)
    await start(dut)
    fields = plain(bench.rng, 3, 8, 1)
    for pass_words, stride in ((1, 1), (127, 1), (1, 32)):
        more = {"pass_words": pass_words, "stride": stride, "block_log2": 0, "out_width": 1, "strip": 1}
        await bench.begin(fields | more)
        started = cycle()
        bench.rows.send(random_rows(bench.rng, fields, 1, 1.0))
        await bench.taken.count(1)
        assert bench.taken.cycles[0] - started <= SETUP
        await wait(dut, 100)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, 6)
    await start(dut)
    for cycles in range(1, 60, 7):
        fields = random_layer(bench.rng)
        rows = random_rows(bench.rng, fields, 2, 0.7)
        await bench.check(fields, rows)
        await bench.begin(fields)
        bench.rows.send(rows)
        await wait(dut, cycles)
        await reset(dut, bench.rows, bench.taken, bench.strips, bench.requests, cycles=1 + cycles % 3)
        await wait(dut, 2 * QUIET)
        assert not bench.requests.items
        assert not bench.strips.items
        assert not int(dut.busy.value)
