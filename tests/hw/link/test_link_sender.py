"""PacketSender: bytes out of packets."""

import random
from collections import deque
from typing import Any

import pytest
from link_bench import put, simulate, sink, source

from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, encode
from stillframe.hw.link.sender import PacketSender


def send(packets: list[tuple[int, int, bytes]], stall: float = 0.0, cycles: int = 100_000) -> bytes:
    """The bytes that the sender makes of packets."""
    dut, rng = PacketSender(), random.Random(3)
    sent: list[int] = []
    expected = sum(HEADER_BYTES + len(payload) + CRC_BYTES for _, _, payload in packets)

    async def bench(ctx: Any) -> None:
        for kind, sequence, payload in packets:
            header = {"kind": kind, "sequence": sequence, "length": len(payload)}
            await put(ctx, dut.header, header, rng, stall)
        while len(sent) < expected:
            await ctx.tick()
        await ctx.tick().repeat(10)

    payloads = deque(
        {"value": byte, "last": i == len(payload) - 1}
        for _, _, payload in packets
        for i, byte in enumerate(payload)
    )
    simulate(
        dut, bench, source(dut.payload, payloads, rng, stall), sink(dut.o, sent, rng, stall), cycles=cycles
    )
    return bytes(sent)


@pytest.mark.parametrize("stall", [0, 0.3, 0.7])
def test_packets_are_framed(stall):
    rng = random.Random(2)
    packets = [
        (rng.randrange(256), rng.randrange(256), rng.randbytes(rng.choice([1, 2, 5, 50]))) for _ in range(20)
    ]
    assert send(packets, stall) == b"".join(encode(*packet) for packet in packets)


def test_longest_packet_leaves_at_a_byte_every_second_cycle():
    packet = (0x83, 9, random.Random(4).randbytes(1024))
    assert send([packet], cycles=2 * (1024 + HEADER_BYTES + CRC_BYTES) + 20) == encode(*packet)
