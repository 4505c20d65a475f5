"""The requantiser on Verilator: stalls on both sides, resets in mid-stream, new parameters and layers."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from requantise_reference import Channel, Range, random_channel, random_sum, requantise

from stillframe.contract import ArrayConfig
from stillframe.contract.array import PARAMS_COPIED
from stillframe.hw.payloads import sum_word, table_word
from stillframe.sim.vip import StreamSink, StreamSource, parameters, reset, start, unpacker

ROWS = 32
MOST = 16
"""Rows of a layer."""

Table = list[list[Channel]]


class Bench:
    """The requantiser with its streams, its parameters and its layer."""

    def __init__(self, dut: Any, stall: float, seed: int) -> None:
        config = ArrayConfig.parse(parameters()["array"])
        self.dut, self.drain, self.rng = dut, config.drain, random.Random(seed)
        self.source = StreamSource(dut, "i", sum_word(config), stall, seed)
        self.sink = StreamSink(dut, "o", table_word(config), stall, seed)
        self.given, self.made = unpacker(sum_word(config)), unpacker(table_word(config))
        self.table: Table = []
        self.rows = range(0)  # of the layer
        self.layer = self.own = Range()
        self.fused = False
        self.came_own: list[int] = []
        dut.write_en.value = dut.own.value = dut.start.value = 0
        cocotb.start_soon(self._own())

    async def _own(self) -> None:
        """Says in each cycle whether the word at hand is a layer's own; looks at what comes out."""
        dut, ahead = self.dut, None
        while True:
            await FallingEdge(dut.clk)
            row = self.given(int(dut.i__payload.value))["row"] if int(dut.i__valid.value) else 0
            dut.own.value = int(self.fused and row % 2)
            await RisingEdge(dut.clk)
            if int(dut.rst.value):
                ahead = None
            elif int(dut.o__valid.value) and int(dut.o__ready.value):
                self.came_own.append(int(dut.o_own.value))
                word = self.made(int(dut.o__payload.value))
                assert ahead in (None, word["offset"])
            moves = not int(dut.o__valid.value) or int(dut.o__ready.value)
            ahead = int(dut.next_offset.value) if moves else None

    async def load(self) -> None:
        """Write new parameters into all rows and choose a new layer."""
        dut, rng = self.dut, self.rng
        self.table = [[random_channel(rng) for _ in range(self.drain)] for _ in range(ROWS)]
        low, high = sorted((rng.randrange(-128, 0), rng.randrange(0, 128)))
        once = rng.random() < 0.5
        self.fused = not self.fused
        self.layer = Range(rng.randrange(-128, 128), low, high, round_once=once and not self.fused)
        self.own = Range(rng.randrange(-128, 128), low // 2, high // 2, round_once=once)
        own = {"in_zero_point": self.own.zero_point, "own_min": low // 2, "own_max": high // 2}
        fields = self.layer.fields() | own | {"round_once": int(once), "fused": int(self.fused)}
        for name, value in fields.items():
            getattr(dut, f"layer__{name}").value = value
        ends = [rng.randrange(MOST), MOST - 1, ROWS - 1]  # the second layer may have as many as there may be
        self.layers = [range(a + 1, b + 1) for a, b in pairwise([-1, *sorted(set(ends))])]
        dut.write_en.value = 1
        for row, channels in enumerate(self.table):
            for d, channel in enumerate(channels):
                for column, value in enumerate(channel.columns(last=row in ends and d == self.drain - 1)):
                    dut.write_row.value, dut.write_column.value = row, column * self.drain + d
                    dut.write_data.value = value
                    await RisingEdge(dut.clk)
        dut.write_en.value = 0

    async def start(self, rows: range) -> None:
        """Start a layer with these rows and wait for its parameters."""
        dut, self.rows = self.dut, rows
        dut.layer__params.value, dut.start.value = rows.start, 1
        await RisingEdge(dut.clk)
        dut.start.value = 0
        for cycle in range(2 + 3 + len(rows) * self.drain // PARAMS_COPIED):
            await RisingEdge(dut.clk)
            if cycle >= 2 and int(dut.loaded.value):
                return
        raise AssertionError(f"{rows} not loaded")

    def words(self, count: int) -> list[dict[str, Any]]:
        """Random words."""
        rng = self.rng
        return [
            {
                "z": [random_sum(rng) for _ in range(self.drain)],
                "row": rng.choice(self.rows),
                "offset": rng.randrange(2**16),
                "valid": rng.randrange(2**self.drain),
            }
            for _ in range(count)
        ]

    def expected(self, word: dict[str, Any]) -> dict[str, Any]:
        """What is to come out for a word. A fused layer's words in odd rows are its own."""
        pairs = zip(word["z"], self.table[word["row"]], strict=True)
        layer = self.own if self.fused and word["row"] % 2 else self.layer
        codes = [requantise(z, channel, layer) for z, channel in pairs]
        return {"codes": codes} | {name: word[name] for name in ("row", "offset", "valid")}

    async def check(self, words: list[dict[str, Any]]) -> None:
        """Send words and compare what comes out."""
        self.came_own.clear()
        self.source.send(words)
        for n, (word, came) in enumerate(zip(words, await self.sink.receive(len(words)), strict=True)):
            assert came == self.expected(word), f"word {n}: {word}"
        await RisingEdge(self.dut.clk)
        assert self.came_own == [int(self.fused and word["row"] % 2) for word in words]


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.2, 0.7])
async def codes_are_those_of_tflite(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, seed=int(10 * stall))
    await start(dut)
    for _ in range(4):
        await bench.load()
        for rows in bench.layers * 2:
            await bench.start(rows)
            await bench.check(bench.words(100))


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def nothing_old_comes_after_a_reset(dut: Any, stall: float) -> None:
    bench = Bench(dut, stall, seed=1)
    await start(dut)
    await bench.load()
    await bench.start(bench.layers[0])
    for cycles in range(1, 40, 3):
        bench.source.send(bench.words(60))
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        await reset(dut, bench.source, bench.sink, cycles=1 + cycles % 3)
        await bench.start(bench.layers[-1])
        await bench.check(bench.words(30))  # with the same parameters: a reset does not touch them
