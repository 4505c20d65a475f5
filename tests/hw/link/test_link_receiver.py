"""PacketReceiver: packets out of bytes, whatever happens to them on the way."""

import random
from collections import deque
from typing import Any

import pytest
from amaranth.hdl import ResetInserter, Signal
from link_bench import put, simulate, sink, source

from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, encode
from stillframe.hw.link.receiver import PacketReceiver

FLUSH = bytes(HEADER_BYTES + 1024 + CRC_BYTES)

Received = tuple[int, int, bytes] | None
"""Type, sequence number, payload; None for a damaged packet."""


async def take(ctx: Any, dut: PacketReceiver, rng: random.Random, stall: float) -> Received:
    """Wait for a packet, read its payload, let it go."""
    header, damaged = await ctx.tick().sample(dut.header.payload, dut.damaged).until(dut.header.valid)
    payload = bytearray()
    ended = 0
    while not damaged and ended < 4:  # four cycles without a byte: there are none
        ready = rng.random() >= stall
        ctx.set(dut.payload.ready, ready)
        _, _, valid, byte, header_valid = await ctx.tick().sample(
            dut.payload.valid, dut.payload.payload, dut.header.valid
        )
        assert header_valid
        if valid and ready:
            payload.append(byte.value)
            assert byte.last == (len(payload) == header.length)
        ended = 0 if valid else ended + 1
    ctx.set(dut.payload.ready, 0)
    ctx.set(dut.header.ready, 1)
    await ctx.tick()
    ctx.set(dut.header.ready, 0)
    if damaged:
        return None
    assert header.length == len(payload)
    return header.kind, header.sequence, bytes(payload)


def receive(data: bytes, count: int, seed: int = 0, stall: float = 0.0) -> list[Received]:
    """The packets in ``data``, of which there must be at least ``count``; more come if more are there."""
    dut, rng = PacketReceiver(), random.Random(seed)
    queue, found = deque(data), []

    async def bench(ctx: Any) -> None:
        while len(found) < count:
            found.append(await take(ctx, dut, rng, stall))
        while queue:
            await ctx.tick()
        await ctx.tick().repeat(20)

    simulate(dut, bench, source(dut.i, queue, rng, stall))
    return found


@pytest.mark.parametrize("stall", [0, 0.3, 0.7])
def test_packets_arrive_whole(stall):
    rng = random.Random(1)
    sent = [(rng.randrange(256), rng.randrange(256), rng.randbytes(rng.randrange(40))) for _ in range(20)]
    data = b"".join(encode(*packet) + bytes(rng.choices(range(0xA5), k=rng.randrange(4))) for packet in sent)
    assert receive(data, len(sent), stall=stall) == sent


@pytest.mark.parametrize("length", [0, 1, 1023, 1024])
def test_every_length_up_to_the_largest(length):
    payload = random.Random(length).randbytes(length)
    assert receive(encode(3, 4, payload) + encode(5, 6), 2) == [(3, 4, payload), (5, 6, b"")]


@pytest.mark.parametrize("length", [1025, 2048, 4096, 65535])
def test_longer_packet_is_damaged_at_once(length):
    data = bytes([0xA5, 1, 2]) + length.to_bytes(2, "little") + encode(5, 6)
    assert receive(data, 2) == [None, (5, 6, b"")]


PACKET = encode(2, 77, b"\x05\x00\xa5\x10")
GOOD = (2, 77, b"\x05\x00\xa5\x10")


def survivors(damaged: bytes, seed: int) -> list[Received]:
    """What comes of a damaged packet, a flush, and a good packet; at most one packet before the good one."""
    dut, rng = PacketReceiver(), random.Random(seed)
    queue, found = deque(damaged + FLUSH + PACKET), []

    async def bench(ctx: Any) -> None:
        while not found or found[-1] is None:
            found.append(await take(ctx, dut, rng, 0))

    simulate(dut, bench, source(dut.i, queue, rng, 0))
    assert not queue
    return found


@pytest.mark.parametrize("position", range(len(PACKET)))
def test_damaged_byte_at_every_position(position):
    data = bytearray(PACKET)
    data[position] ^= 1 << random.Random(position).randrange(8)
    found = survivors(bytes(data), position)
    assert found[-1] == GOOD
    # Without its SYNC a packet is not heard of (the 0xA5 in this one then begins another).
    assert set(found[:-1]) <= {None}
    assert position == 0 or found[:-1]


@pytest.mark.parametrize("position", range(len(PACKET)))
def test_lost_byte_at_every_position(position):
    found = survivors(PACKET[:position] + PACKET[position + 1 :], position)
    assert found[-1] == GOOD
    assert set(found[:-1]) <= {None}


@pytest.mark.parametrize("position", range(0, len(PACKET) + 1))
def test_reset_at_every_position(position):
    """The rest of a packet after a reset is no packet; the next one is."""
    dut, reset, rng = PacketReceiver(), Signal(), random.Random(position)
    queue: deque[int] = deque()
    found: list[Received] = []

    async def bench(ctx: Any) -> None:
        for byte in PACKET[:position]:
            await put(ctx, dut.i, byte, rng, 0)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        queue.extend(PACKET[position:] + FLUSH + PACKET)
        while not found or found[-1] is None or queue:
            found.append(await take(ctx, dut, rng, 0))

    async def rest(ctx: Any) -> None:
        while not queue:
            await ctx.tick()
        await source(dut.i, queue, rng, 0)(ctx)

    simulate(ResetInserter(reset)(dut), bench, rest)
    assert found[-1] == GOOD
    assert len([packet for packet in found if packet]) == (2 if position == 0 else 1)


def test_nothing_is_taken_while_a_packet_waits():
    dut, rng = PacketReceiver(), random.Random(0)
    queue, bytes_in = deque(PACKET * 2), []

    async def bench(ctx: Any) -> None:
        await ctx.tick().until(dut.header.valid)
        waiting = len(queue)
        await ctx.tick().repeat(50)
        assert len(queue) == waiting
        assert ctx.get(dut.header.payload.sequence) == 77

    simulate(
        dut, bench, source(dut.i, queue, rng, 0), sink(dut.payload, bytes_in, rng, 0, lambda byte: byte.value)
    )
    assert bytes(bytes_in) == GOOD[2]
