"""Sums that a MAC layer makes while its words pass, with the adder, on Verilator; CODES is a model."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from requantise_reference import Operand, random_operand
from small_arrays import small_array
from support import every_cycle, noise, set_layer, wait

from stillframe.hw.code_memory import CodeMemory
from stillframe.hw.fused_add import FusedAdd
from stillframe.hw.payloads import sum_word, table_word
from stillframe.sim.vip import packer, parameters, reset, start, unpacker

SECOND, SIZE, WORDS = 100, 200, 3
"""CODES word of the second tensor and its words; activation words of an output pixel."""

Word = dict[str, Any]


class Bench:
    """Words by the cycle in which they come; read data, offsets and words are noise when nobody asks."""

    def __init__(self, dut: Any, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(seed)
        given = table_word(config)
        self.pack_word, self.pack_codes = packer(given), packer(given["codes"].shape)
        self.word_width, self.unpack = given.size, unpacker(sum_word(config))
        self.every = 2 * config.add_cycles
        self.latency = FusedAdd.latency(config)
        self.now = 0
        self.arriving = [self._codes() for _ in range(CodeMemory.LATENCY - 1)]
        self.clear()
        self._drive()
        every_cycle(dut, self._cycle)

    def clear(self) -> None:
        """Forget all words."""
        self.words: dict[int, Word] = {}
        self.came: dict[int, Word] = {}

    def _codes(self) -> list[int]:
        return [self.rng.choice((-128, 127, self.rng.randrange(-128, 128))) for _ in range(self.config.drain)]

    def _cycle(self) -> None:
        dut = self.dut
        assert int(dut.read_en.value) == (self.now in self.words)
        if int(dut.done.value):
            self.came[self.now] = self.unpack(int(dut.o.value))
        # The adder has its first word a cycle after this unit.
        under_way = range(self.now - self.latency, self.now - 1)
        assert int(dut.busy.value) or not any(cycle in self.words for cycle in under_way)
        read = self.memory[int(dut.read_address.value)] if int(dut.read_en.value) else self._codes()
        self.now += 1
        self.arriving.append(read)
        self._drive(self.arriving.pop(0))

    def _drive(self, read: list[int] | None = None) -> None:
        dut, rng = self.dut, self.rng
        word, following = self.words.get(self.now), self.words.get(self.now + 1)
        dut.valid.value = int(word is not None)
        dut.i.value = self.pack_word(word) if word else noise(rng, self.word_width)
        dut.next_offset.value = following["offset"] if following else rng.randrange(SIZE)
        dut.read_data.value = self.pack_codes(read or self._codes())

    async def set_layer(self, first: Operand, second: Operand) -> None:
        """Set up a layer on random codes of a second tensor."""
        self.operands = first, second
        self.memory = {SECOND + offset: self._codes() for offset in range(SIZE)}
        fields = {"fused": 1, "second_codes": SECOND, "out_words": WORDS, "subtract": int(second.negate)}
        for name, operand in (("in", first), ("second", second)):
            fields |= {
                f"{name}_zero_point": operand.zero_point,
                f"{name}_multiplier": operand.multiplier,
                f"{name}_shift": operand.shift,
            }
        set_layer(self.dut, **fields)
        await wait(self.dut, 2)

    def send(self, count: int, pause: float) -> None:
        """So many words, each ``every`` cycles behind the one before or, by that chance, some more."""
        cycle, rng = self.now + 2, self.rng
        for _ in range(count):
            self.words[cycle] = {
                "codes": self._codes(),
                "row": rng.randrange(1000),
                "offset": rng.randrange(SIZE),
                "valid": rng.randrange(1, 1 << self.config.drain),
            }
            cycle += self.every + (rng.randrange(1, 9) if rng.random() < pause else 0)

    async def check(self, count: int, pause: float) -> None:
        """Send words and compare the sums and when they came."""
        self.clear()
        self.send(count, pause)
        await wait(self.dut, max(self.words) - self.now + 2 * self.latency)
        assert self.came == {cycle + self.latency: self.sum(word) for cycle, word in self.words.items()}
        assert not int(self.dut.busy.value)

    def sum(self, word: Word) -> Word:
        """What is to come of a word."""
        first, second = self.operands
        pairs = zip(word["codes"], self.memory[SECOND + word["offset"]], strict=True)
        z = [first.rescale(own) + second.rescale(other) for own, other in pairs]
        return {"z": z, "row": word["row"] + WORDS, "offset": word["offset"], "valid": word["valid"]}


def operands(rng: random.Random) -> tuple[Operand, Operand]:
    """To add or to subtract."""
    return random_operand(rng), random_operand(rng, rng.random() < 0.5)


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.3, 0.8])
async def sums(dut: Any, pause: float) -> None:
    """As close together as words may come, and with pauses, an odd number of cycles too."""
    bench = Bench(dut)
    await start(dut)
    for _ in range(20):
        await bench.set_layer(*operands(bench.rng))
        await bench.check(30, pause)


@cocotb.test()
async def reset_in_mid_stream(dut: Any) -> None:
    """Operands on their way are forgotten, those already rescaled too."""
    bench = Bench(dut)
    await start(dut)
    await bench.set_layer(*operands(bench.rng))
    for cycles in range(1, 2 * bench.latency):
        bench.clear()
        bench.send(6, 0.0)
        await wait(dut, cycles)
        await reset(dut, cycles=1 + cycles % 3)
        bench.clear()
        bench._drive()
        await wait(dut, 2 * bench.latency)
        assert not bench.came
        await bench.check(3, 0.0)
