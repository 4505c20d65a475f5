"""The drain on Verilator: words of every kind of pass, where they go, with stalls, and its timing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import cocotb
from bank_taps import NUMBERS, wrap
from cocotb.triggers import FallingEdge
from small_arrays import small_array
from support import QUIET, Timed, TimedSink, consecutive, cycle, every_cycle, set_layer, wait

from stillframe.contract.array import ACC_BITS, MASK_COLUMNS
from stillframe.hw.drain import Drain
from stillframe.hw.payloads import STRIP, placed, sum_word
from stillframe.sim.vip import StreamSource, packer, parameters, reset, start

BORDER = 37  # PARAMS rows for each kernel column beside the image
Fields = dict[str, int]


@dataclass(frozen=True)
class Pixel:
    """What the array shows of a pixel: touched lane groups by bank, sums by bank and lane."""

    touches: list[int]
    acc: list[int]


class Bench:
    """The drain, strips for it, and an array that shows random sums."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng, self.stall = dut, random.Random(f"{stall} {seed}"), stall
        self.hold = False  # no word may begin
        self.strips = StreamSource(dut, "strips", STRIP, stall, seed)
        self.taken = Timed(dut, "strips", STRIP)
        self.words = TimedSink(dut, "o", placed(sum_word(config)), 0.0, seed)  # it is always taken
        self.fields: Fields = {}
        self.pixels: list[Pixel] = []
        self.released: list[int] = []  # cycles
        for name in ("start", "may", "complete", "touched", "touches", "acc"):
            getattr(dut, name).value = 0
        every_cycle(dut, self._release)
        cocotb.start_soon(self._show())

    def _release(self) -> None:
        if int(self.dut.release.value):
            self.released.append(cycle())

    async def _show(self) -> None:
        """Shows each pixel in the cycle in which the drain asks for it, its sums a cycle later, and lets
        words begin now and then."""
        dut = self.dut
        shapes = Drain(self.config)
        touches, acc = packer(shapes.touches.shape()), packer(shapes.acc.shape())
        sums = 0
        while True:
            await FallingEdge(dut.clk)
            dut.acc.value = sums
            dut.may.value = int(not self.hold and self.rng.random() >= self.stall)
            n = len(self.released)
            complete = n < len(self.pixels) and self.rng.random() >= self.stall and not int(dut.rst.value)
            dut.complete.value = int(complete)
            if complete:
                pixel = self.pixels[n]
                assert int(dut.pixel.value) == n % NUMBERS
                dut.touched.value = int(any(pixel.touches))
                dut.touches.value = touches(pixel.touches)
                sums = acc(pixel.acc)

    async def begin(self, **fields: int) -> None:
        """Start a layer."""
        self.fields = fields
        set_layer(self.dut, **fields)
        await wait(self.dut, 3)
        assert not int(self.dut.busy.value)
        self.dut.start.value = 1
        await wait(self.dut, 1)
        self.dut.start.value = 0
        await wait(self.dut, 1)
        self.pixels.clear()
        self.released.clear()
        self.words.clear()
        self.taken.clear()

    def layer(self, kind: str) -> Fields:
        """Any layer, ``plain``, ``depthwise``, or with kernel columns ``side`` by side if the array can."""
        rng, config = self.rng, self.config
        depthwise = kind == "depthwise"
        side = rng.randint(1, config.taps.bit_length() - 1) if kind == "side" and config.banks > 1 else 0
        together = depthwise or side
        share = config.banks.bit_length() - 1 if together else rng.randrange(config.banks.bit_length())
        pass_words = 1 if depthwise else max(1, (config.total_lanes >> share + side) // config.drain)
        return {
            "side_log2": side,
            "depthwise": int(depthwise),
            "share_log2": share,
            "pass_words": pass_words,
            "last_words": rng.randint(1, pass_words),
            "out_valid": rng.randint(1, config.drain),
            "out_width": rng.randint(1, 99),
            "stride": rng.randint(1, 4),
            "kernel_columns": rng.randint(1, 20),
            "in_width": rng.randint(1, 99),
            "border_columns": rng.choice((0, BORDER)),
        }

    def strip(self, count: int, touched: float, everything: bool = False) -> tuple[Fields, list[Pixel]]:
        """A strip of ``count`` pixels, or as many as have a column of the image below their kernel, with
        random sums; those of untouched lanes are anything. All pixels are to be drained or only some.
        """
        rng, config, layer = self.rng, self.config, self.fields
        leftmost = 1 - layer["kernel_columns"]
        count = min(count, 1 + (layer["in_width"] - 1 - leftmost) // layer["stride"])
        top = (1 << (ACC_BITS - 1)) - 1
        full = (1 << config.taps) - 1

        def touches() -> int:
            if rng.random() >= touched:
                return 0
            if layer["depthwise"]:
                return rng.randint(1, full)
            side = 1 << layer["side_log2"]
            parts, part = rng.randrange(1, 1 << side), config.taps // side
            return sum((full >> config.taps - part) << n * part for n in range(side) if parts >> n & 1)

        def accumulator() -> int:
            return rng.choice((rng.randrange(-999, 1000), rng.randint(-top - 1, top), top, -top - 1))

        pixels = [
            Pixel(
                [touches() for _ in range(config.banks)], [accumulator() for _ in range(config.total_lanes)]
            )
            for _ in range(count)
        ]
        strip = {
            "y": rng.randrange(1 << 12),
            "x": rng.randrange(3000),
            "count": count,
            "left": rng.randint(leftmost, layer["in_width"] - 1 - (count - 1) * layer["stride"]),
            "offset": rng.randrange(1 << 19),
            "mask": rng.randrange(1 << 20),
            "row": rng.randrange(1 << 10),
            "final": rng.randrange(2),
            "everything": int(everything),
        }
        return strip, pixels

    def expected(self, strip: Fields, pixels: list[Pixel]) -> list[Any]:
        """The words of a strip."""
        layer, drain = self.fields, self.config.drain
        words = layer["last_words" if strip["final"] else "pass_words"]
        found = []
        for n, pixel in enumerate(pixels):
            if not any(pixel.touches) and not strip["everything"]:
                continue
            left = strip["left"] + n * layer["stride"]
            right = left + layer["kernel_columns"] - layer["in_width"]
            row = strip["row"] + (max(0, -left) + max(0, right)) * layer["border_columns"]
            x = strip["x"] + n
            for w in range(words):
                real = layer["out_valid"] if strip["final"] and w == words - 1 else drain
                word = {
                    "z": [self.element(pixel, w, d) for d in range(drain)],
                    "row": row + w,
                    "offset": strip["offset"] + n + w * layer["out_width"],
                    "valid": (1 << real) - 1,
                }
                place = {
                    "y": strip["y"],
                    "mask": strip["mask"],
                    "block": x // MASK_COLUMNS,
                    "column": x % MASK_COLUMNS,
                    "first": int(w == 0),
                    "last": int(w == words - 1),
                }
                found.append({"word": word, "place": place})
        return found

    def element(self, pixel: Pixel, w: int, d: int) -> int | None:
        """The sum for element d of word w, None where there is no output."""
        config = self.config
        if self.fields["depthwise"]:
            bank, place = d % config.banks, d // config.banks
            lanes = [(bank, config.lane(t, place), t) for t in range(config.taps)]
        else:
            side = 1 << self.fields["side_log2"]
            unit, output = divmod(w * config.drain + d, config.lanes // side)
            if side > 1 and unit:
                return None  # padding, which may be anything
            banks = [b for b in range(config.banks) if b >> self.fields["share_log2"] == unit]
            of_output = [
                lane
                for lane in range(config.lanes)
                if config.output_and_column(lane, self.fields["side_log2"])[0] == output
            ]
            lanes = [(b, lane, config.tap_and_place(lane)[0]) for b in banks for lane in of_output]
        touched = [(b, lane) for b, lane, t in lanes if pixel.touches[b] >> t & 1]
        return wrap(sum(pixel.acc[b * config.lanes + lane] for b, lane in touched))

    async def check(self, strips: list[tuple[Fields, list[Pixel]]]) -> None:
        """Drain strips and compare the words."""
        wanted = [word for strip in strips for word in self.expected(*strip)]
        self.pixels += [pixel for _, pixels in strips for pixel in pixels]
        self.strips.send(strip for strip, _ in strips)
        await self.words.count(len(wanted))
        while len(self.released) < len(self.pixels):
            await wait(self.dut, 1)
        await wait(self.dut, QUIET)
        for got, word in zip(self.words.items, wanted, strict=True):
            of_outputs = [
                z if z is None else value
                for z, value in zip(word["word"]["z"], got["word"]["z"], strict=True)
            ]
            assert got | {"word": got["word"] | {"z": of_outputs}} == word
        assert len(self.released) == len(self.pixels)
        assert not int(self.dut.busy.value)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3, 0.7], kind=["plain", "depthwise", "side"], everything=[0.0, 0.5, 1.0])
async def words_of_strips(dut: Any, stall: float, kind: str, everything: float) -> None:
    """Of none, some or all strips everything is drained."""
    bench = Bench(dut, stall, 4 * len(kind) + int(2 * everything))
    await start(dut)
    for _ in range(6):
        await bench.begin(**bench.layer(kind))
        touched = bench.rng.choice((0.05, 0.5, 1))
        counts = (1, 1, 30, 2, 8, 41)
        await bench.check([bench.strip(n, touched, bench.rng.random() < everything) for n in counts])


@cocotb.test()
async def a_word_a_cycle(dut: Any) -> None:
    """No gap between words, pixels, strips; latency from the cycle in which the first begins."""
    bench = Bench(dut)
    await start(dut)
    for _ in range(9):
        await bench.begin(**bench.layer("plain"))
        await bench.check([bench.strip(count, 1, True) for count in (1, 1, 5, 2, 1)])
        assert consecutive(bench.words.cycles)
        assert bench.words.cycles[0] - bench.taken.cycles[0] == 1 + Drain(bench.config).latency


@cocotb.test()
async def untouched_pixels_take_a_cycle(dut: Any) -> None:
    """They are passed over even while no word may begin, up to the next word."""
    bench = Bench(dut)
    await start(dut)
    await bench.begin(**bench.layer("depthwise") | {"in_width": 999})
    await bench.check([bench.strip(count, 0) for count in (1, 70, 1, 9)])
    assert consecutive(bench.released)
    bench.hold = True
    await wait(dut, 2)
    before = len(bench.released)
    checking = cocotb.start_soon(bench.check([bench.strip(5, 0), bench.strip(1, 1)]))
    await wait(dut, 30)
    assert len(bench.released) == before + 5
    assert not bench.words.items
    bench.hold = False
    await checking


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """After a reset nothing old comes out."""
    bench = Bench(dut, stall, 1)
    await start(dut)
    for cycles in range(1, 18, 2):
        await bench.begin(**bench.layer("plain"))
        strip, pixels = bench.strip(40, 1)
        bench.pixels += pixels
        bench.strips.send([strip])
        await wait(dut, cycles)
        await reset(dut, bench.strips, bench.taken, bench.words, cycles=1 + cycles % 3)
        bench.pixels.clear()
        await bench.begin(**bench.layer("plain"))
        await wait(dut, QUIET)
        assert not bench.words.items
        await bench.check([bench.strip(5, 0.5)])
