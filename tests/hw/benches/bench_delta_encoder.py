"""The delta encoder on Verilator, with a model of CODES beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from encoder_reference import Coding, encode
from small_arrays import small_array
from support import QUIET, Timed, Writes, consecutive, every_cycle, noise, set_layer, wait
from tensors import Tensor

from stillframe.contract import Mode
from stillframe.hw.code_memory import CodeMemory
from stillframe.hw.delta_encoder import DeltaEncoder
from stillframe.hw.payloads import code_word
from stillframe.sim.vip import StreamSource, packer, parameters, reset, start, unpacker

CODES, EVENTS = 300, 700  # words at which the tensor begins
Frame = dict[int, list[int]]
"""Codes by offset, in the order in which they are sent."""


class Bench:
    """The encoder, its streams and what it reads and writes."""

    def __init__(self, dut: Any, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config = small_array(parameters()["array"])
        self.dut, self.rng = dut, random.Random(f"{stall} {seed}")
        self.word = code_word(config)
        self.codes = self.word["codes"].shape
        self.pack, self.unpack = packer(self.codes), unpacker(self.codes)
        self.tensor = Tensor(3, 3, config.drain + 2, config.drain)
        self.memory = {CODES + offset: self._codes(self._any_code) for offset in range(self.tensor.size)}
        self.source = StreamSource(dut, "i", self.word, stall, seed)
        self.taken = Timed(dut, "i", self.word)
        self.masks = Writes(dut, "valid", "o")
        self.stores = Writes(dut, "store_en", "store_address", "store_codes")
        self.events = Writes(dut, "event_en", "event_address", "event_values")
        self.reading: int | None = None  # where, in this cycle
        self.arriving: list[int] = [0] * (CodeMemory.LATENCY - 1)
        dut.clear.value = 0
        every_cycle(dut, self._read)

    def _any_code(self, _: int = 0) -> int:
        return self.rng.choice((-128, -1, 0, 127, *(self.rng.randrange(-128, 128) for _ in range(4))))

    def _codes(self, code: Callable[[int], int]) -> list[int]:
        return [code(d) for d in range(self.config.drain)]

    def _read(self) -> None:
        """CODES: read data comes some cycles later, for a cycle, and others may read in the others."""
        dut = self.dut
        codes = noise(self.rng, 8 * self.config.drain)
        if self.reading is not None:
            assert not (int(dut.store_en.value) and int(dut.store_address.value) == self.reading)
            codes = self.pack(self.memory[self.reading])
        self.reading = int(dut.codes_address.value) if int(dut.codes_next.value) else None
        self.arriving.append(codes)
        dut.codes_data.value = self.arriving.pop(0)

    def frame(self, code: Callable[[int, int, int], int]) -> Frame:
        """A frame whose element at row, column and channel has a code; padding has any."""
        drain, tensor = self.config.drain, self.tensor
        return {
            tensor.offset(y, x, word): [
                code(y, x, word * drain + d) if real else self._any_code()
                for d, real in enumerate(tensor.real(word))
            ]
            for y, x, word in tensor.places()
        }

    def some(self) -> Frame:
        """A frame of random codes."""
        return self.frame(lambda *_: self._any_code())

    async def encode(self, frame: Frame, coding: Coding, out_events: bool = True) -> None:
        """Encode a frame and compare all that the encoder gives and writes."""
        dut, config = self.dut, self.config
        set_layer(
            dut,
            coding.key,
            out_codes=CODES,
            out_events_base=EVENTS,
            out_mode=int(coding.mode),
            out_zero_point=coding.zero_point,
            threshold=coding.threshold,
            out_events=int(out_events),
        )
        dut.clear.value = 1
        await RisingEdge(dut.clk)
        dut.clear.value = 0
        for log in (self.taken, self.masks, self.stores, self.events):
            log.clear()
        words: list[dict[str, Any]] = []
        masks: list[int] = []
        stores: list[tuple[int, list[int]]] = []
        events: list[tuple[int, list[int]]] = []
        changed = False
        for offset, codes in frame.items():
            real = self.tensor.real(offset % self.tensor.pitch // self.tensor.width)
            before = self.memory[CODES + offset]
            results = [encode(coding, *element) for element in zip(codes, before, real, strict=True)]
            changed |= any(r.sent for r in results)
            words.append({"offset": offset, "codes": codes, "valid": pack_bits(real)})
            masks.append(pack_bits(r.event for r in results))
            stores.append((CODES + offset, [r.code for r in results]))
            events.append((EVENTS + offset, [r.value if r.event else 0 for r in results]))
        self.source.send(words)
        await self.source.sent()
        await wait(dut, DeltaEncoder.LATENCY + QUIET)
        assert [mask for (mask,) in self.masks.log] == masks
        assert [(a, self.unpack(codes)) for a, codes in self.stores.log] == stores
        values = [(a, unpack_values(value, config.drain)) for a, value in self.events.log]
        assert values == (events if out_events else [])  # 0 where there is no event
        assert bool(int(dut.changed.value)) == changed
        self.memory.update(stores)


def pack_bits(bits: Iterable[bool]) -> int:
    """A number whose bit n is the n-th."""
    return sum(bit << n for n, bit in enumerate(bits))


def unpack_values(value: int, drain: int) -> list[int]:
    """The 9-bit event values of a word."""
    fields = [value >> 9 * d & 0x1FF for d in range(drain)]
    return [field - 512 * (field >> 8) for field in fields]


def extremes(frame: int) -> Callable[[int, int, int], int]:
    """Every code is an end of the range, and the other end in the next frame."""
    return lambda y, x, c: 127 if (y + x + c + frame) % 2 else -128


@cocotb.test()
@cocotb.parametrize(
    (("stall", "mode"), [(0.0, Mode.DELTA), (0.5, Mode.DELTA), (0.3, Mode.DIRECT), (0.3, Mode.DENSE)]),
)
async def frames(dut: Any, stall: float, mode: Mode) -> None:
    """Key, still, wholly changed and random frames, at several thresholds and zero points."""
    bench = Bench(dut, stall, int(mode))
    await start(dut)
    for threshold, zero_point in ((0, -128), (2, 3), (254, 127), (255, -5)):
        coding = Coding(mode, zero_point, threshold, key=False)
        first = bench.some()
        await bench.encode(first, Coding(mode, zero_point, threshold, key=True))
        await bench.encode(first, coding)  # still
        for n in range(3):
            await bench.encode(bench.frame(extremes(n)), coding)
        for _ in range(2):  # random
            await bench.encode(bench.some(), coding, out_events=bool(bench.rng.randrange(2)))
        near = bench.frame(lambda *_: bench.rng.randrange(-9, 10))
        for step in (0, 1, 2, 3):  # changes just below, at and above the threshold
            moved = {o: [min(127, c + step) for c in codes] for o, codes in near.items()}
            await bench.encode(moved, coding)


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3])
async def single_changes(dut: Any, stall: float) -> None:
    """One element changes, in each corner and along each border; the others do not."""
    bench = Bench(dut, stall, 7)
    await start(dut)
    frame = bench.some()
    await bench.encode(frame, Coding(Mode.DELTA, 0, 0, key=True))
    for y, x, channel in bench.tensor.borders():
        offset, d = bench.tensor.offset(y, x, channel // bench.config.drain), channel % bench.config.drain
        frame = {o: list(codes) for o, codes in frame.items()}
        frame[offset][d] = 127 if frame[offset][d] < 0 else -128
        await bench.encode(frame, Coding(Mode.DELTA, 0, 0, key=False))
        assert sum(mask for (mask,) in bench.masks.log) == 1 << d


@cocotb.test()
async def pixels_that_are_not_sent(dut: Any) -> None:
    """In DELTA mode a frame may leave pixels out: what is kept for them stays."""
    bench = Bench(dut, 0.3, 8)
    await start(dut)
    await bench.encode(bench.some(), Coding(Mode.DELTA, 5, 3, key=True))
    for _ in range(8):
        frame = {o: codes for o, codes in bench.some().items() if bench.rng.random() < 0.3}
        await bench.encode(frame, Coding(Mode.DELTA, 5, 3, key=False))


@cocotb.test()
async def latency_and_one_word_a_cycle(dut: Any) -> None:
    bench = Bench(dut)
    await start(dut)
    await bench.encode(bench.some(), Coding(Mode.DELTA, 0, 0, key=True))
    assert consecutive(bench.taken.cycles)
    latency = [out - into for into, out in zip(bench.taken.cycles, bench.masks.cycles, strict=True)]
    assert set(latency) == {DeltaEncoder.LATENCY}


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.5])
async def reset_in_mid_stream(dut: Any, stall: float) -> None:
    """Nothing of the frame before comes out or is written after a reset; a key frame is right again."""
    bench = Bench(dut, stall, 9)
    await start(dut)
    for cycles in range(1, 16):
        await bench.encode(bench.some(), Coding(Mode.DELTA, 1, 0, key=True))
        words = [{"offset": o, "codes": codes, "valid": 1} for o, codes in bench.some().items()]
        bench.source.send(words)
        await wait(dut, cycles)
        await reset(dut, bench.source, bench.taken, cycles=1 + cycles % 3)
        bench.masks.clear()
        bench.stores.clear()
        await wait(dut, DeltaEncoder.LATENCY + QUIET)
        assert not bench.masks.log
        assert not bench.stores.log
