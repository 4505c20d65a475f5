"""Any bytes into the simulated accelerators: they answer and act as the device in plain Python does."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from damage import damaged
from fake_device import FakeDevice, Word
from fake_links import FakeLink
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_network import COMPACT, LARGE, Case, tiny_case

from stillframe.contract import ArrayConfig, Memory
from stillframe.contract.array import PACKET_BYTES
from stillframe.contract.memory_map import columns, rows
from stillframe.contract.packets import RESPONSE, SYNC, Packet, encode
from stillframe.driver import Device, LinkError, Session, Transport
from stillframe.driver.reader import MAX_PACKET_BYTES, PacketReader, Response
from stillframe.sim.native import CLOCK_HZ, SimTransport, open_sim

SCRATCH = 100
"""Rows at the end of STATE and CODES that the program does not use, and requests here may write."""

QUIET = {LARGE: 4_000, COMPACT: 30_000}
"""Cycles without an answer after which none is on its way."""

BYTE = {LARGE: 4, COMPACT: 60}
"""More cycles than a byte takes."""

EXAMPLES = [50, pytest.param(1_000, marks=pytest.mark.full)]

RUNS = bytes([0, 16]) + bytes(range(32))
"""The pixels of a frame of the tiny network."""


class Oracle(FakeDevice):
    """The device in plain Python without its network."""

    def encode(self, word: Word) -> None:
        pass

    def run(self) -> None:
        pass


@dataclass
class Bench:
    """A simulated accelerator with the tiny network in it, and the one in plain Python beside it."""

    simulation: SimTransport
    oracle: Oracle
    case: Case

    @property
    def config(self) -> ArrayConfig:
        return self.oracle.config

    def answers(self) -> list[Response]:
        """What the simulation has answered by the time it has nothing to say any more."""
        return parsed(self.simulation.read(1 << 20, QUIET[self.config] / CLOCK_HZ))


def parsed(data: bytes) -> list[Response]:
    """The packets in a device's bytes, which hold nothing else; without the cycles of a RUN."""
    link = FakeLink(FakeDevice(LARGE), to_host=lambda _: data)
    link.write(b"")
    reader, found = PacketReader(link), []
    while packet := reader.next(0):
        run = packet.kind == Packet.RUN | RESPONSE
        found.append(packet._replace(payload=packet.payload[:1]) if run else packet)
    assert reader.damaged == 0
    return found


@pytest.fixture(scope="module", params=[LARGE, COMPACT], ids=["large", "compact"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    config = request.param
    case = tiny_case(config)
    with open_sim(config) as simulation:
        Session(Device(simulation), case.program)
        oracle = Oracle(config)
        Session(Device(FakeLink(oracle)), case.program)
        yield Bench(simulation, oracle, case)


def scratch(memory: Memory, config: ArrayConfig) -> range:
    """Rows of a memory that the program leaves alone."""
    return range(rows(memory, config) - SCRATCH, rows(memory, config))


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the strategies, each as often as its number says; ``one_of`` takes equal ones together."""
    return st.sampled_from([strategy for count, strategy in choices for _ in range(count)]).flatmap(
        lambda strategy: strategy
    )


MEMORIES = st.sampled_from([Memory.STATE, Memory.CODES])
COLUMNS = st.sampled_from([0, 0, 0, 1, 4])
ROWS = st.integers(0, SCRATCH + 2)
WORDS = st.lists(st.integers(0, 127), max_size=6)
REQUESTS = st.one_of(
    st.just((Packet.HELLO, b"")),
    st.tuples(st.just(Packet.BEGIN), st.binary(min_size=1, max_size=1)),
    st.tuples(st.just(Packet.INPUT), st.just(RUNS) | st.binary(max_size=40)),
    st.just((Packet.RUN, b"")),
    st.tuples(st.just("read"), MEMORIES, COLUMNS, ROWS),
    st.tuples(st.just("read"), st.sampled_from([*Memory, 8, 255]), COLUMNS, ROWS),
    st.tuples(st.just("write"), MEMORIES, COLUMNS, ROWS, WORDS),
    st.tuples(st.sampled_from([*Packet, 0, 7, 0x81, 255]), st.binary(max_size=5)),
)
"""(type, payload), but for accesses to the scratch rows: their row is counted from the first of these."""

STEPS = st.sampled_from([1] * 8 + [0, 0, 2, 255])
"""How far a request's sequence number is from the last one's."""

WHOLE = "none", 0, b""
CHANGES = weighted(
    (6, st.just(WHOLE)),
    (2, st.tuples(st.sampled_from(["flip", "cut", "delete"]), st.integers(0, 1 << 11), st.just(b""))),
    (1, st.tuples(st.just("insert"), st.integers(0, 1 << 11), st.binary(min_size=1, max_size=4))),
)
"""(what becomes of a packet, bit where it does, bytes made up)."""

NOISE = st.one_of(
    st.lists(st.just(SYNC) | st.integers(0, 255), max_size=60).map(bytes),
    st.binary(max_size=60).map(lambda data: data + bytes(MAX_PACKET_BYTES)),
    st.integers(PACKET_BYTES + 1, 0xFFFF).map(lambda n: struct.pack("<BBBH", SYNC, Packet.WRITE, 0, n)),
)
FRAMES = st.sampled_from([1, 1, 1, 0]).map(
    lambda key: [
        ((Packet.BEGIN, bytes([key])), 1, WHOLE),
        ((Packet.INPUT, RUNS), 1, WHOLE),
        ((Packet.RUN, b""), 1, WHOLE),
    ]
)
PIECES = st.lists(
    weighted(
        (6, st.tuples(REQUESTS, STEPS, CHANGES).map(lambda piece: [piece])),
        (2, FRAMES),
        (1, NOISE.map(lambda piece: [piece])),
    ),
    min_size=3,
    max_size=30,
).map(lambda parts: [piece for part in parts for piece in part])
"""Bytes, or requests, each with its step of the sequence number and its change; a frame's three are whole."""


def packet(request: tuple, sequence: int, config: ArrayConfig) -> bytes:
    """A drawn request as bytes."""
    match request:
        case "read", memory, column, row:
            known = memory if memory in (Memory.STATE, Memory.CODES) else Memory.STATE
            first = scratch(known, config)[0] + row if memory != Memory.INFO else row % 14
            # Counters are the hardware's own.
            memory = 9 if memory == Memory.COUNTERS else memory
            return encode(Packet.READ, sequence, struct.pack("<BBIH", memory, column, first, 1 + row % 5))
        case "write", memory, column, row, words:
            place = struct.pack("<BBI", memory, column, scratch(memory, config)[0] + row)
            return encode(Packet.WRITE, sequence, place + np.array(words, "<u4").tobytes())
        case kind, payload:
            return encode(kind, sequence, payload)
    raise AssertionError(request)


def check_bytes(bench: Bench, pieces: list) -> None:
    """Give both devices the same bytes, and compare what they answer and what is in their memories then."""
    config, simulation, oracle = bench.config, bench.simulation, bench.oracle
    simulation.reset()
    oracle.reset()
    device, twin = Device(simulation), Device(FakeLink(oracle))
    for memory in (Memory.STATE, Memory.CODES):  # as they were before the last example
        for column in range(columns(memory, config)):
            for each in (device, twin):
                each.hello()
                each.write(memory, column, scratch(memory, config)[0], [0] * SCRATCH)
    expected, given_bytes = b"", 0
    for piece in [*pieces, bytes(MAX_PACKET_BYTES)]:
        if isinstance(piece, tuple):
            request, step, change = piece
            piece = damaged(packet(request, (oracle._last + step) % 256, config), *change)
        simulation.write(piece)
        expected += oracle.feed(piece)
        given_bytes += len(piece)
    simulation.run(BYTE[config] * given_bytes)
    assert bench.answers() == parsed(expected)
    device = Device(simulation, attempts=1, timeout=QUIET[config] / CLOCK_HZ)
    device.check(config)
    for memory in (Memory.STATE, Memory.CODES):
        place = scratch(memory, config)
        for column in range(columns(memory, config)):
            there = device.read(memory, column, place[0], SCRATCH)
            np.testing.assert_array_equal(there, oracle.memories[memory][column, place])


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_bytes_are_answered_as_by_the_device_in_plain_python(bench: Bench, examples: int) -> None:
    given(PIECES)(settings(deadline=None, max_examples=examples)(lambda drawn: check_bytes(bench, drawn)))()


class Interloper(Transport):
    """Between a session and its device somebody puts bytes into both directions, some of them overheard.

    Args:
        line: The flawless link.
        plan: What is put in before each call of :meth:`write` and into the answer to it: (call, to the host,
            which of the packets overheard in that direction, first byte, bit that is flipped, other bytes).
    """

    def __init__(self, line: Transport, plan: list[tuple[int, bool, int, int, int, bytes]]) -> None:
        self.line = line
        self._plan = {(call, to_host): rest for call, to_host, *rest in plan}
        self._heard: dict[bool, list[bytes]] = {False: [b""], True: [b""]}
        self._call = 0
        self._arrived = b""

    def write(self, data: bytes) -> None:
        self.line.write(self._put(False))
        self._arrived += self._put(True)
        self._heard[False].append(data)
        self.line.write(data)
        self._call += 1

    def read(self, n: int, timeout: float | None = None) -> bytes:
        if len(self._arrived) < n:
            answer = self.line.read(n - len(self._arrived), timeout)
            self._heard[True].append(answer)
            self._arrived += answer
        data, self._arrived = self._arrived[:n], self._arrived[n:]
        return data

    def clock(self) -> float:
        return self.line.clock()

    def close(self) -> None:
        pass

    def _put(self, to_host: bool) -> bytes:
        which, first, bit, made_up = self._plan.get((self._call, to_host), (0, 0, -1, b""))
        heard = self._heard[to_host]
        data = bytearray(heard[-1 - which % len(heard)][first:] if which else b"")
        if data and bit >= 0:
            data[bit // 8 % len(data)] ^= 1 << bit % 8
        return made_up + bytes(data)


INTRUSIONS = st.tuples(
    st.integers(0, 60),
    st.booleans(),
    st.integers(0, 12),
    st.sampled_from([0, 0, 0, 1, 5, 20]),
    st.sampled_from([-1, -1, -1, 0, 9, 20, 50, 99]),
    st.binary(max_size=12),
)


def check_session(bench: Bench, plan: list) -> None:
    """Run some frames while bytes are put in between, and some more when that is over."""
    case, quiet = bench.case, QUIET[bench.config] / CLOCK_HZ
    link = Interloper(bench.simulation, [])
    session = Session(Device(link, timeout=quiet), case.program)
    session.run(case.frames[0])
    link._plan, link._call = {(call, to_host): rest for call, to_host, *rest in plan}, 0
    for index in range(1, 8):
        try:
            result = session.run(case.frames[index])
        except LinkError:
            continue
        np.testing.assert_array_equal(result.outputs["output"], case.answers[index])
    link._plan = {}
    for index in range(8, 11):
        result = session.run(case.frames[index])
        np.testing.assert_array_equal(result.outputs["output"], case.answers[index])
    assert not result.key


@pytest.mark.parametrize("examples", EXAMPLES)
def test_bytes_put_between_a_session_and_its_device_spoil_no_answer(bench: Bench, examples: int) -> None:
    plans = st.lists(INTRUSIONS, max_size=20)
    given(plans)(settings(deadline=None, max_examples=examples)(lambda plan: check_session(bench, plan)))()
