"""FrameReceiver: activation words out of runs."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from link_bench import simulate, sink, source

from stillframe.contract import ArrayConfig, Mode
from stillframe.contract.array import MASK_COLUMNS
from stillframe.driver.runs import encode_runs
from stillframe.hw.link.frame import FrameReceiver

CONFIGS = {
    drain: replace(ArrayConfig.parse("1x4"), banks=max(1, drain // 4), drain=drain)
    for drain in (1, 2, 4, 16, 32)
}
ZERO_POINT = -11

Place = tuple[int, int, int, int, int, int]
WordTuple = tuple[int, tuple[int, ...], int, Place]


def words_of(
    codes: np.ndarray, pixels: list[tuple[int, int]], drain: int, spread: bool = False
) -> Iterator[WordTuple]:
    """(offset, codes, valid, place) of each word of the given (y, x)."""
    _, width, channels = codes.shape
    words, mask_words = -(-channels // drain), -(-width // MASK_COLUMNS)
    for y, x in pixels:
        for w in range(words):
            part = codes[y, x, w * drain : (w + 1) * drain].tolist()
            before = (y + x) % CONFIGS[drain].banks * channels if spread else 0
            padded = (*[ZERO_POINT] * before, *part, *[ZERO_POINT] * (drain - before - len(part)))
            block, column = divmod(x, MASK_COLUMNS)
            place = y, y * words * mask_words, block, column, int(w == 0), int(w == words - 1)
            yield (y * words + w) * width + x, padded, (1 << len(part)) - 1 << before, place


class Bench:
    """A frame receiver for frames of one shape; ``words`` collects what it gives."""

    def __init__(
        self,
        drain: int,
        shape: tuple[int, int, int],
        mode: Mode = Mode.DELTA,
        key: bool = False,
        stall: float = 0,
        spread: bool = False,
    ) -> None:
        self.dut = FrameReceiver(CONFIGS[drain])
        self.rng = random.Random(drain)
        self.stall = stall
        self.words: list[WordTuple] = []
        self._queue: deque[dict[str, int]] = deque()
        height, width, channels = shape
        words = -(-channels // drain)
        self._fields = {
            "in_channels": channels,
            "spread": int(spread),
            "out_width": width,
            "out_height": height,
            "out_words": words,
            "out_pitch": width * words,
            "out_mask_words": -(-width // MASK_COLUMNS),
            "out_mask_pitch": -(-width // MASK_COLUMNS) * words,
            "out_zero_point": ZERO_POINT,
            "out_mode": int(mode),
            "key": int(key),
        }

    async def begin(self, ctx: Any) -> None:
        for name, value in self._fields.items():
            ctx.set(getattr(self.dut.layer, name), value)
        ctx.set(self.dut.progress.begin, 1)
        await ctx.tick()
        ctx.set(self.dut.progress.begin, 0)

    async def give(self, ctx: Any, payload: bytes) -> tuple[bool, bool, bool]:
        """Give a payload; returns complete, truncated, overflow when it has been worked off."""
        last = len(payload) - 1
        self._queue.extend({"value": byte, "last": i == last} for i, byte in enumerate(payload))
        while self._queue or ctx.get(self.dut.i.valid) or not ctx.get(self.dut.progress.idle):
            await ctx.tick()
        await ctx.tick()  # for the sink
        progress = self.dut.progress
        return tuple(bool(ctx.get(s)) for s in (progress.complete, progress.truncated, progress.overflow))

    def run(self, bench: Any, cycles: int = 100_000) -> None:
        def convert(given: Any) -> WordTuple:
            word, place = given.word, given.place
            where = place.y, place.mask, place.block, place.column, place.first, place.last
            return word.offset, tuple(word.codes), word.valid, where

        simulate(
            self.dut,
            bench,
            source(self.dut.i, self._queue, self.rng, self.stall),
            sink(self.dut.o, self.words, self.rng, self.stall, convert),
            cycles=cycles,
        )


EVERY_CASE = [
    (drain, shape, False)
    for drain in (32, 16, 4, 2, 1)
    for shape in ((3, 7, 3), (2, 19, 1), (4, 3, 4), (2, 9, 11), (1, 1, 40))
]
SPREAD = [(drain, shape, True) for drain in (32, 16) for shape in ((6, 7, 3), (5, 19, 1), (2, 9, 2))]


@pytest.mark.parametrize("stall", [0, 0.5])
@pytest.mark.parametrize(("drain", "shape", "spread"), EVERY_CASE + SPREAD)
def test_words_of_dense_and_changed_frames(drain, shape, spread, stall):
    rng = np.random.default_rng(drain)
    b = Bench(drain, shape, stall=stall, spread=spread)
    height, width, _ = shape
    everywhere = [(y, x) for y in range(height) for x in range(width)]

    async def bench(ctx: Any) -> None:
        sent = rng.integers(-128, 128, shape, np.int8)
        await b.begin(ctx)
        for payload in encode_runs(sent):
            assert (await b.give(ctx, payload))[1:] == (False, False)
        assert b.words == list(words_of(sent, everywhere, drain, spread))
        for share in (0.1, 0.5, 0.0, 1.0):
            changed = rng.random(shape[:2]) < share
            new = np.where(changed[..., np.newaxis], sent ^ 0x55, sent)
            b.words.clear()
            await b.begin(ctx)
            for payload in encode_runs(new, sent):
                assert await b.give(ctx, payload) == (True, False, False)
            taken = [p for p in everywhere if changed[p]]
            want, every = (
                set(words_of(new, taken, drain, spread)),
                list(words_of(new, everywhere, drain, spread)),
            )
            assert want <= set(b.words)
            assert b.words == [word for word in every if word in b.words], "each word once, pixel by pixel"
            sent = new

    b.run(bench)


def test_cycles_of_bytes_words_runs_and_rows():
    b = Bench(4, (16, 64, 3))

    async def bench(ctx: Any) -> None:
        await b.begin(ctx)
        await b.give(ctx, bytes([0, 200]) + bytes(600) + bytes([250, 10]) + bytes(30))

    runs, pixels, rows = 2, 210, 460 // 64
    b.run(bench, cycles=2 * (2 * runs + 3 * pixels) + 3 * pixels + 4 * runs + 2 * rows + 5)
    assert len(b.words) == pixels


@pytest.mark.parametrize(
    ("mode", "key", "payloads", "complete"),
    [
        (Mode.DELTA, True, [bytes([0, 6, 1, 2, 3, 4, 5, 6])], True),
        (Mode.DELTA, True, [bytes([0, 4, 1, 2, 3, 4]), bytes([0, 2, 5, 6])], True),
        (Mode.DELTA, True, [bytes([0, 5, 1, 2, 3, 4, 5])], False),
        (Mode.DELTA, True, [bytes([1, 5, 1, 2, 3, 4, 5])], False),
        (Mode.DELTA, True, [bytes([0, 5, 1, 2, 3, 4, 5, 1, 0])], False),
        (Mode.DELTA, False, [bytes([1, 5, 1, 2, 3, 4, 5])], True),
        (Mode.DELTA, False, [], True),
        (Mode.DIRECT, False, [bytes([1, 5, 1, 2, 3, 4, 5])], False),
        (Mode.DENSE, False, [bytes([0, 6, 1, 2, 3, 4, 5, 6])], True),
    ],
)
def test_complete_frames(mode, key, payloads, complete):
    b = Bench(4, (2, 3, 1), mode, key)

    async def bench(ctx: Any) -> None:
        await b.begin(ctx)
        for payload in payloads:
            assert (await b.give(ctx, payload))[1:] == (False, False)
        assert ctx.get(b.dut.progress.complete) == complete

    b.run(bench)


@pytest.mark.parametrize(
    ("payload", "words", "truncated", "overflow"),
    [
        (bytes([0]), 0, True, False),
        (bytes([3, 1]), 0, True, False),
        (bytes([0, 1, 9]), 0, True, False),
        (bytes([0, 2, 9, 9]), 1, True, False),
        (bytes([0, 1, 9, 9, 5]), 1, True, False),
        (bytes([6, 0]), 0, False, False),
        (bytes([7, 0]), 0, False, True),
        (bytes([6, 1, 9, 9]), 0, False, True),
        (bytes([5, 2, 9, 9, 9, 9]), 1, False, True),
        (bytes([255, 255, 9, 9, 9, 9, 0, 1, 9]), 0, False, True),
    ],
)
def test_runs_that_do_not_fit_are_reported_and_forgotten(payload, words, truncated, overflow):
    b = Bench(4, (2, 3, 2))

    async def bench(ctx: Any) -> None:
        await b.begin(ctx)
        assert (await b.give(ctx, payload))[1:] == (truncated, overflow)
        assert len(b.words) == words
        b.words.clear()
        await b.begin(ctx)
        assert await b.give(ctx, bytes([1, 1, 5, 6])) == (True, False, False)
        assert b.words == [(1, (5, 6, ZERO_POINT, ZERO_POINT), 3, (0, 0, 0, 1, 1, 1))]

    b.run(bench)
