"""A board's top at its pins, on Verilator: bits, damaged packets, breaks."""

from __future__ import annotations

import random
import zlib
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from stillframe.contract.memory_map import INFO_FIELDS, MAGIC, Memory
from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, RESPONSE, SYNC, Packet, Status, encode
from stillframe.sim.vip import parameters, start

PERIOD = 10  # ns
SESSION, TROUBLE = 2, 8
"""Lights."""


class Host:
    """A UART made of waiting."""

    def __init__(self, dut: Any, seed: int = 0) -> None:
        self.dut, self.rng = dut, random.Random(seed)
        self.bit = parameters()["cycles"] * PERIOD * 1000  # ps
        self.received = bytearray()
        dut.rx.value = 1
        cocotb.start_soon(self._listen())

    async def _listen(self) -> None:
        while True:
            await FallingEdge(self.dut.tx)
            await Timer(round(self.bit * 1.5), "ps")
            byte = 0
            for n in range(8):
                byte |= int(self.dut.tx.value) << n
                await Timer(round(self.bit), "ps")
            assert int(self.dut.tx.value) == 1, "a byte without stop bit"
            self.received.append(byte)

    async def send(self, data: bytes) -> None:
        """Bytes, with pauses of any length now and then, by a clock half a percent slow or fast."""
        bit = self.bit * self.rng.uniform(0.995, 1.005)
        for byte in data:
            for level in (0, *(byte >> n & 1 for n in range(8)), 1):
                self.dut.rx.value = level
                await Timer(round(bit), "ps")
            if self.rng.random() < 0.1:
                await Timer(round(bit * self.rng.uniform(0, 9)), "ps")

    async def send_break(self, bits: float = 30) -> None:
        """Hold the line low."""
        self.dut.rx.value = 0
        await Timer(round(self.bit * bits), "ps")
        self.dut.rx.value = 1
        await Timer(round(self.bit * 2), "ps")

    async def answer(self, patience: int = 400_000) -> tuple[int, int, bytes] | None:
        """The next packet's type, sequence number and payload; None if none comes."""
        for _ in range(patience // 100):
            at = self.received.find(SYNC)
            if at >= 0 and len(self.received) >= at + HEADER_BYTES:
                length = int.from_bytes(self.received[at + 3 : at + 5], "little")
                end = at + HEADER_BYTES + length
                if len(self.received) >= end + CRC_BYTES:
                    body = bytes(self.received[at + 1 : end])
                    assert zlib.crc32(body) == int.from_bytes(self.received[end : end + 4], "little")
                    del self.received[: end + CRC_BYTES]
                    return body[0], body[1], body[4:]
            await Timer(100 * PERIOD, "ns")
        return None

    async def ask(self, kind: Packet, sequence: int, payload: bytes = b"") -> bytes | None:
        """Send a request; the payload of its answer."""
        await self.send(encode(kind, sequence, payload))
        answer = await self.answer()
        if answer is None:
            return None
        assert answer[:2] == (kind | RESPONSE, sequence)
        return answer[2]


READ_INFO = bytes([Memory.INFO, 0, 0, 0, 0, 0, len(INFO_FIELDS), 0])


@cocotb.test()
async def a_session_at_the_pins(dut: Any) -> None:
    """Hello, and the info memory, again and again."""
    host = Host(dut)
    await start(dut)
    assert await host.ask(Packet.HELLO, 7) == bytes([Status.OK])
    for n in range(8, 14):
        info = await host.ask(Packet.READ, n, READ_INFO)
        assert info is not None
        assert info[0] == Status.OK
        assert int.from_bytes(info[1:5], "little") == MAGIC
        assert len(info) == 1 + 4 * len(INFO_FIELDS)
    assert int(dut.lights.value) & SESSION


@cocotb.test()
async def damaged_bytes_and_noise(dut: Any) -> None:
    """A flipped bit is answered with BAD_CRC and lights the last light; garbage and glitches with nothing."""
    host = Host(dut, 1)
    await start(dut)
    assert await host.ask(Packet.HELLO, 1) == bytes([Status.OK])
    assert not int(dut.lights.value) & TROUBLE
    for n in range(10):
        damaged = bytearray(encode(Packet.READ, 2, READ_INFO))
        damaged[HEADER_BYTES + n % 8] ^= 1 << host.rng.randrange(8)
        await host.send(damaged)
        answer = await host.answer()
        assert answer is not None
        assert answer[2] == bytes([Status.BAD_CRC])
    assert int(dut.lights.value) & TROUBLE
    await host.send(bytes(byte for byte in host.rng.randbytes(200) if byte != SYNC))
    for _ in range(20):  # glitches shorter than half a bit
        dut.rx.value = 0
        await Timer(round(host.bit * 0.2), "ps")
        dut.rx.value = 1
        await Timer(round(host.bit * host.rng.uniform(0.5, 3)), "ps")
    info = await host.ask(Packet.READ, 2, READ_INFO)
    assert info is not None
    assert info[0] == Status.OK


@cocotb.test()
async def a_break_is_a_way_back(dut: Any) -> None:
    """In the middle of a packet, of an answer, or in between: after it only HELLO is heard."""
    host = Host(dut, 2)
    await start(dut)
    for where in ("packet", "answer", "idle"):
        assert await host.ask(Packet.HELLO, 1) == bytes([Status.OK])
        if where == "packet":
            await host.send(encode(Packet.READ, 2, READ_INFO)[:9])
        if where == "answer":
            await host.send(encode(Packet.READ, 2, READ_INFO))
            await Timer(round(host.bit * 60), "ps")
        await host.send_break()
        await Timer(round(host.bit * 20), "ps")
        host.received.clear()
        assert await host.ask(Packet.READ, 2, READ_INFO) == bytes([Status.BAD_SEQUENCE])
        assert not int(dut.lights.value) & SESSION
    assert await host.ask(Packet.HELLO, 1) == bytes([Status.OK])
    assert (await host.ask(Packet.READ, 2, READ_INFO))[0] == Status.OK
