"""The whole link against the device in plain Python: same bytes in, same bytes, words and writes out."""

from __future__ import annotations

import itertools
import random
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from fake_device import CYCLES, FakeDevice, Word, unpack_layer
from link_bench import packets, simulate, sink, source

from stillframe.contract import ArrayConfig, Memory, Mode
from stillframe.contract.array import LAYER_WORDS, PACKET_BYTES
from stillframe.contract.layer import LAYER_FIELDS, pack_layer
from stillframe.contract.memory_map import READABLE, columns, info_words, rows
from stillframe.contract.packets import HEADER_BYTES, READ_WORDS, RESPONSE, Packet, Status, encode
from stillframe.hw.link import Link

CONFIG = ArrayConfig.parse("1x4@25F")


class Listener(FakeDevice):
    """The device in plain Python without its network: words are only noted."""

    def encode(self, word: Word) -> None:
        pass

    def run(self) -> None:
        self.runs += 1


class LinkBench:
    """A link with memories and a sequencer around it, both played by the bench.

    Attributes:
        memories: What the bus wrote, as in :class:`FakeDevice`.
        words: Words given to the encoder.
        events: "begin", "key begin" and "run" as they come.
    """

    def __init__(self, config: ArrayConfig = CONFIG, stall: float = 0.0, seed: int = 0) -> None:
        self.config = config
        self.dut = Link(config)
        self.rng = random.Random(seed)
        self.stall = stall
        self.memories = {m: np.zeros((columns(m, config), rows(m, config)), np.uint32) for m in Memory}
        self.memories[Memory.INFO][0] = info_words(config)
        self.words: list[Word] = []
        self.events: list[str] = []
        self.busy_cycles = 10
        self.reset = Signal()
        self._rx: deque[int] = deque()
        self._tx: list[int] = []

    def run(self, bench: Callable[[Any], Awaitable[None]], cycles: int = 1_000_000) -> None:
        """Simulate until ``bench`` is through."""

        def convert(word: Any) -> Word:
            return Word(word.word.offset, tuple(word.word.codes), word.word.valid)

        simulate(
            ResetInserter(self.reset)(self.dut),
            bench,
            source(self.dut.rx, self._rx, self.rng, self.stall),
            sink(self.dut.tx, self._tx, self.rng, self.stall),
            sink(self.dut.words, self.words, self.rng, self.stall, convert),
            self._bus,
            self._sequencer,
            cycles=cycles,
        )

    async def give(self, ctx: Any, data: bytes) -> None:
        """Send bytes, and wait until the link has taken them."""
        self._rx.extend(data)
        while self._rx or ctx.get(self.dut.rx.valid):
            await ctx.tick()

    async def exchange(self, ctx: Any, data: bytes, answers: int = 1) -> bytes:
        """Send bytes, and wait until the link has answered with so many packets; returns their bytes."""
        self._rx.extend(data)
        while len(packets(self._tx)) < answers:
            there = len(self._tx)
            while len(self._tx) == there:
                await ctx.tick()
        sent = bytes(self._tx)
        self._tx.clear()
        return sent

    async def request(self, ctx: Any, kind: int, sequence: int, payload: bytes = b"") -> bytes:
        """The payload of the response to a request."""
        ((answer, number, data),) = packets(await self.exchange(ctx, encode(kind, sequence, payload)))
        assert (answer, number) == (kind | RESPONSE, sequence)
        return data

    async def _bus(self, ctx: Any) -> None:
        bus = self.dut.bus
        signals = (bus.w_en, bus.r_en, bus.memory, bus.column, bus.row, bus.w_data, self.dut.control.busy)
        while True:
            _, _, writes, reads, memory, column, row, data, busy = await ctx.tick().sample(*signals)
            ctx.set(bus.r_valid, 0)
            assert not (busy and (writes or reads))
            assert not (writes and reads)
            if writes:
                self.memories[Memory(memory)][column, row] = data
            if reads:
                for _ in range(self.rng.randrange(4)):
                    _, _, writes, reads = await ctx.tick().sample(bus.w_en, bus.r_en)
                    assert not writes
                    assert not reads
                ctx.set(bus.r_data, int(self.memories[Memory(memory)][column, row]))
                ctx.set(bus.r_valid, 1)

    async def _sequencer(self, ctx: Any) -> None:
        control, layer = self.dut.control, self.dut.layer
        while True:
            _, _, begin, key, run = await ctx.tick().sample(control.begin, control.key, control.run)
            assert not (begin and run)
            ctx.set(control.done, 0)
            if begin or run:
                self.events.append(("key begin" if key else "begin") if begin else "run")
                ctx.set(control.busy, 1)
                ctx.set(control.accepting, 0)
                for _ in range(self.busy_cycles):
                    await ctx.tick()
                ctx.set(control.busy, 0)
            if begin:
                fields = unpack_layer([int(word) for word in self.memories[Memory.LAYERS][0]])
                for name, value in fields.items():
                    ctx.set(getattr(layer, name), value)
                ctx.set(layer.key, key)
                ctx.set(control.accepting, 1)
            if run:
                ctx.set(control.cycles, CYCLES)
                ctx.set(control.done, 1)


def address(memory: int, column: int, row: int) -> bytes:
    """What a WRITE's or READ's payload begins with."""
    return struct.pack("<BBI", memory, column, row)


def layer_words(rng: random.Random, config: ArrayConfig) -> bytes:
    """A WRITE's payload: a descriptor of a small input tensor."""
    height, width, channels = rng.randrange(1, 4), rng.randrange(1, 6), rng.randrange(1, 10)
    words = -(-channels // config.drain)
    fields = {
        "out_height": height,
        "out_width": width,
        "out_words": words,
        "in_channels": channels,
        "out_pitch": width * words + rng.randrange(3),
        "out_zero_point": rng.randrange(-128, 128),
        "out_mode": rng.choice([Mode.DELTA, Mode.DELTA, Mode.DIRECT]),
    }
    packed = pack_layer(fields | {"macs_dense": rng.randrange(1 << 32)})
    assert len(packed) <= LAYER_WORDS
    return address(Memory.LAYERS, 0, 0) + b"".join(word.to_bytes(4, "little") for word in packed)


def frame(rng: random.Random, fake: FakeDevice) -> Iterator[tuple[int, bytes]]:
    """Requests of a frame: all of its pixels, or some, or nonsense."""
    layer = unpack_layer([int(word) for word in fake.memories[Memory.LAYERS][0]])
    size, channels = layer["out_height"] * layer["out_width"], layer["in_channels"]
    dense = rng.random() < 0.5
    yield Packet.BEGIN, bytes([dense or rng.choice([0, 0, 1, 2, 3])])
    if dense:
        count = rng.randrange(size + 1)
        yield Packet.INPUT, bytes([0, count]) + rng.randbytes(count * channels)
        yield Packet.INPUT, bytes([0, size - count]) + rng.randbytes((size - count) * channels)
    else:
        payload = b""
        for _ in range(rng.randrange(4)):
            count = rng.randrange(3)
            payload += bytes([rng.randrange(4), count]) + rng.randbytes(count * channels)
        yield Packet.INPUT, payload if rng.random() < 0.8 else payload[: rng.randrange(len(payload) + 1)]
    yield Packet.RUN, b""


def access(rng: random.Random, config: ArrayConfig) -> tuple[int, bytes]:
    """A READ or WRITE somewhere in the memories or just outside."""
    memory = rng.choice([*Memory, 9])
    known = Memory(memory) if memory < len(Memory) else Memory.LAYERS
    limit = rows(known, config)
    count = rng.choice([0, 1, 2, 5])
    row = rng.choice([0, rng.randrange(limit), limit - count, limit - count, limit - count + 1])
    column = rng.choice([0, rng.randrange(columns(known, config)), columns(known, config)])
    if rng.random() < 0.1:
        row += 1 << rng.choice([16, 20, 31])  # no memory here is as deep: the upper bytes count, too
    place = address(memory, column, row)
    if rng.random() < (0.7 if known in READABLE else 0.1):
        return Packet.READ, place + (count if rng.random() < 0.95 else 256).to_bytes(2, "little")
    return Packet.WRITE, place + rng.randbytes(4 * count)


def requests(rng: random.Random, fake: FakeDevice) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of requests that mostly make sense; a session when there is none."""
    while True:
        choice = rng.random()
        if choice < 0.05 or not fake.in_session:
            yield Packet.HELLO, b""
        if choice < 0.1 or not fake.memories[Memory.LAYERS].any():
            yield Packet.WRITE, layer_words(rng, fake.config)
        if choice < 0.3:
            yield access(rng, fake.config)
        elif choice < 0.95:
            yield from frame(rng, fake)
        else:
            yield rng.choice([*Packet, 0, 7, 200]), rng.randbytes(rng.randrange(10))


@pytest.mark.parametrize(
    ("array", "stall", "seed", "count"),
    [("1x4@25F", 0, 2, 200), ("1x16@25F", 0.3, 2, 150), ("8x16@virtual", 0.6, 3, 120)],
)
def test_link_answers_and_acts_as_the_device_in_plain_python(array, stall, seed, count):
    config = ArrayConfig.parse(array)
    b, fake, rng = LinkBench(config, stall, seed), Listener(config), random.Random(seed)
    seen = set()

    async def bench(ctx: Any) -> None:
        sequence = rng.randrange(256)
        for kind, payload in itertools.islice(requests(rng, fake), count):
            if rng.random() < 0.96:  # the others look like repetitions
                sequence = (sequence + 1) % 256
            wrong = rng.randrange(2, 256) if kind != Packet.HELLO and rng.random() < 0.03 else 0
            data = encode(kind, (sequence + wrong) % 256, payload)
            if rng.random() < 0.01:
                fake.reset()
                ctx.set(b.reset, 1)
                await ctx.tick()
                ctx.set(b.reset, 0)
            for sent in [damaged(rng, data)] * (rng.random() < 0.05) + [data] * rng.choice([1, 1, 1, 2]):
                noise = bytes(rng.choices(range(0xA5), k=rng.randrange(3)))
                expected = fake.feed(noise + sent)
                answer = await b.exchange(ctx, noise + sent)
                assert answer == expected, f"{sent.hex(' ')}: {packets(answer)}, expected {packets(expected)}"
                seen.update((kind & ~RESPONSE, Status(reply[0])) for kind, _, reply in packets(answer))
                await ctx.tick()  # for the sink
                assert b.words == fake.words

    b.run(bench)
    for memory in Memory:
        if memory != Memory.INFO:
            np.testing.assert_array_equal(b.memories[memory], fake.memories[memory])
    assert b.events.count("run") == fake.runs > 1
    assert len(b.words) > 20
    assert {(kind, Status.OK) for kind in Packet} <= seen
    assert {status for _, status in seen} == set(Status)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """A packet with a bit changed somewhere behind its length."""
    changed = bytearray(data)
    changed[rng.randrange(HEADER_BYTES, len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def test_half_a_packet_and_a_reset_leave_nothing_behind():
    b = LinkBench()

    async def bench(ctx: Any) -> None:
        await b.request(ctx, Packet.HELLO, 0)
        write = encode(Packet.WRITE, 1, address(Memory.STATE, 0, 7) + b"\x01\x02\x03\x04")
        for length in range(len(write)):
            await b.give(ctx, write[:length])
            ctx.set(b.reset, 1)
            await ctx.tick()
            ctx.set(b.reset, 0)
            # What was sent before the reset counts no more, nor does the session.
            assert await b.request(ctx, Packet.WRITE, 1, write[5:-4]) == bytes([Status.BAD_SEQUENCE])
            await b.request(ctx, Packet.HELLO, 0)
        assert b.memories[Memory.STATE][0, 7] == 0
        assert await b.request(ctx, Packet.WRITE, 1, write[5:-4]) == bytes([Status.OK])
        assert b.memories[Memory.STATE][0, 7] == 0x04030201

    b.run(bench)


def test_repeated_requests_are_answered_and_not_done_twice():
    b = LinkBench()

    async def bench(ctx: Any) -> None:
        ok = bytes([Status.OK])
        await b.request(ctx, Packet.HELLO, 9)
        await b.request(ctx, Packet.WRITE, 10, layer_words(random.Random(1), CONFIG))
        write = address(Memory.CODES, 0, 5) + bytes([1, 2, 3, 4])
        assert await b.request(ctx, Packet.WRITE, 11, write) == ok
        b.memories[Memory.CODES][0, 5] = 99
        assert await b.request(ctx, Packet.WRITE, 11, write) == ok
        assert b.memories[Memory.CODES][0, 5] == 99
        for _ in range(2):
            assert await b.request(ctx, Packet.BEGIN, 12, b"\1") == ok
        assert b.events == ["key begin"]
        size = 1 * LAYER_FIELDS["out_height"].width  # some pixels, more than the frame has
        pixels = bytes([0, 1]) + bytes(9 * size)
        first = await b.request(ctx, Packet.INPUT, 13, pixels)
        count = len(b.words)
        assert await b.request(ctx, Packet.INPUT, 13, pixels) == first
        assert len(b.words) == count > 0

    b.run(bench)


def test_run_is_answered_again_with_its_cycles():
    b = LinkBench()

    async def bench(ctx: Any) -> None:
        await b.request(ctx, Packet.HELLO, 255)
        await b.request(ctx, Packet.BEGIN, 0, b"\1")  # zeros in LAYERS: a frame without pixels
        cycles = bytes([Status.OK]) + CYCLES.to_bytes(4, "little")
        for _ in range(3):
            assert await b.request(ctx, Packet.RUN, 1) == cycles
        assert b.events == ["key begin", "run"]
        # The state is known now.
        assert await b.request(ctx, Packet.BEGIN, 2, b"\0") == bytes([Status.OK])

    b.run(bench)


@pytest.mark.parametrize(
    "event", ["reset", "hello", "layers", "begin", "incomplete", "overflow", "truncated", "nothing"]
)
def test_state_in_doubt_asks_for_a_key_frame(event):
    b = LinkBench()
    fields = {"out_height": 1, "out_width": 2, "out_words": 1, "in_channels": 1, "out_pitch": 8}
    descriptor = b"".join(word.to_bytes(4, "little") for word in pack_layer(fields))

    async def bench(ctx: Any) -> None:
        sequence = iter(range(1, 100))

        async def request(kind: Packet, payload: bytes = b"") -> Status:
            return Status((await b.request(ctx, kind, next(sequence), payload))[0])

        async def frame(key: int, runs: bytes) -> Status:
            assert await request(Packet.BEGIN, bytes([key])) == Status.OK
            assert await request(Packet.INPUT, runs) == Status.OK
            return await request(Packet.RUN)

        whole = bytes([0, 2, 5, 6])
        assert await request(Packet.HELLO) == Status.OK
        assert await request(Packet.WRITE, address(Memory.LAYERS, 0, 0) + descriptor) == Status.OK
        assert await request(Packet.BEGIN, b"\0") == Status.NEEDS_KEY
        assert await request(Packet.INPUT, whole) == Status.NOT_BEGUN
        assert await request(Packet.RUN) == Status.NOT_BEGUN
        assert await frame(1, whole) == Status.OK
        assert await frame(0, bytes([1, 1, 7])) == Status.OK
        match event:
            case "reset":
                ctx.set(b.reset, 1)
                await ctx.tick()
                ctx.set(b.reset, 0)
                assert await request(Packet.BEGIN, b"\0") == Status.BAD_SEQUENCE
                assert await request(Packet.HELLO) == Status.OK
            case "hello":
                assert await request(Packet.HELLO) == Status.OK
            case "layers":
                assert (
                    await request(Packet.WRITE, address(Memory.LAYERS, 0, LAYER_WORDS - 1) + bytes(4))
                    == Status.OK
                )
            case "begin":
                assert await request(Packet.BEGIN, b"\0") == Status.OK
            case "incomplete":
                assert await frame(1, bytes([1, 1, 7])) == Status.INCOMPLETE
                assert await request(Packet.RUN) == Status.NOT_BEGUN
            case "overflow" | "truncated":
                assert await request(Packet.BEGIN, b"\0") == Status.OK
                runs, status = {
                    "overflow": (bytes([2, 1, 7]), Status.INCOMPLETE),
                    "truncated": (bytes([0, 2, 7]), Status.BAD_REQUEST),
                }[event]
                assert await request(Packet.INPUT, runs) == status
                assert await request(Packet.RUN) == Status.NOT_BEGUN
        known = event == "nothing"
        assert await request(Packet.BEGIN, b"\0") == (Status.OK if known else Status.NEEDS_KEY)
        assert await frame(1, whole) == Status.OK
        assert await request(Packet.BEGIN, b"\0") == Status.OK

    b.run(bench)


def test_last_column_of_the_widest_memory():
    config = ArrayConfig.parse("8x16@virtual")
    b, column = LinkBench(config), columns(Memory.PARAMS, config) - 1

    async def bench(ctx: Any) -> None:
        await b.request(ctx, Packet.HELLO, 0)
        write = address(Memory.PARAMS, column, 3) + bytes([7, 0, 0, 0])
        assert await b.request(ctx, Packet.WRITE, 1, write) == b"\0"
        assert np.argwhere(b.memories[Memory.PARAMS]).tolist() == [[column, 3]]

    b.run(bench)


def test_longest_read_and_write():
    b = LinkBench()

    async def bench(ctx: Any) -> None:
        most = (PACKET_BYTES - len(address(0, 0, 0))) // 4
        words = random.Random(5).randbytes(4 * READ_WORDS)
        await b.request(ctx, Packet.HELLO, 0)
        write = address(Memory.STATE, 1, 3) + words[: 4 * most]
        assert await b.request(ctx, Packet.WRITE, 1, write) == b"\0"
        write = address(Memory.STATE, 1, 3 + most) + words[4 * most :]
        assert await b.request(ctx, Packet.WRITE, 2, write) == b"\0"
        answer = await b.request(ctx, Packet.READ, 3, address(Memory.STATE, 1, 3) + bytes([READ_WORDS, 0]))
        assert answer == b"\0" + words
        assert b.memories[Memory.STATE][0].max() == 0

    b.run(bench)
