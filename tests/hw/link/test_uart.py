"""UART: bytes over two wires, at any ratio of clock and baud, with noise, breaks and clocks that differ."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from link_bench import simulate, source

from stillframe.hw.link.uart import MIN_CYCLES, PHASE_BITS, UartReceiver, UartTransmitter, phase_step

RATIOS = (4.0, 4.5, 8.0, 33.3333, 104.1667)
"""Clock cycles a bit: 100 MHz at 3 Mbaud is the fourth, 12 MHz at 115,200 the last."""


def levels(data: bytes, cycles: float, rng: random.Random, gap: float = 0.0) -> Iterator[int]:
    """The line by cycle while a sender with bits of ``cycles`` cycles sends ``data``, with random gaps."""
    time = rng.random()
    now = 0
    for byte in data:
        for bit in (0, *(byte >> n & 1 for n in range(8)), 1):
            time += cycles
            while now < time:
                now += 1
                yield bit
        idle = int(rng.random() * gap)
        yield from [1] * idle
        time += idle
        now += idle


def receive(line: Iterator[int], cycles: float) -> tuple[bytes, list[int]]:
    """What the receiver makes of a line: bytes, and ``line_break`` by cycle."""
    dut = UartReceiver(cycles * 1e6, 1e6)
    found, breaks = bytearray(), []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.o.ready, 1)
        quiet = [1] * round(30 * cycles)
        for level in (*quiet, *line, *quiet):
            ctx.set(dut.pin, level)
            _, _, valid, byte, broken = await ctx.tick().sample(dut.o.valid, dut.o.payload, dut.line_break)
            breaks.append(int(broken))
            if valid:
                found.append(byte)

    simulate(dut, bench)
    return bytes(found), breaks


@pytest.mark.parametrize("cycles", RATIOS)
@pytest.mark.parametrize("gap", [0.0, 40.0])
@pytest.mark.parametrize("drift", [0.97, 1.0, 1.03])
def test_receiver_takes_bytes_of_a_sender_whose_clock_differs(
    cycles: float, gap: float, drift: float
) -> None:
    if cycles < 8:
        drift = 1 + (drift - 1) / 3  # a whole cycle is much of such a bit
    rng = random.Random(f"{cycles} {gap} {drift}")
    data = rng.randbytes(40) + b"\x00\xff\x00\x55\xaa"
    received, breaks = receive(levels(data, cycles * drift, rng, gap), cycles)
    assert received == data
    assert not any(breaks)


def test_noise_shorter_than_half_a_bit_is_no_start_bit() -> None:
    rng = random.Random(3)
    line = [1] * 50 + [0] * 12 + [1] * 400 + list(levels(b"ok", 33.3, rng))
    assert receive(iter(line), 33.3)[0] == b"ok"


def test_a_byte_without_stop_bit_is_dropped_and_what_follows_is_not() -> None:
    rng = random.Random(4)
    broken = list(levels(b"\x41", 20, rng))
    broken[-25:] = [0] * 25
    received, breaks = receive(iter(broken + [1] * 40 + list(levels(b"B", 20, rng))), 20)
    assert received == b"B"
    assert not any(breaks)


def test_break_is_a_line_that_is_low_for_a_byte_and_ends_when_it_is_high() -> None:
    rng = random.Random(5)
    line = [0] * 300 + [1] * 40 + list(levels(b"again", 20, rng))
    received, breaks = receive(iter(line), 20)
    assert received == b"again"
    first, last = breaks.index(1), len(breaks) - 1 - breaks[::-1].index(1)
    start = 30 * 20
    assert start + 9 * 20 < first < start + 10 * 20 + 6
    assert start + 300 <= last < start + 300 + 6


def test_a_byte_that_is_not_taken_is_lost_to_the_next() -> None:
    dut = UartReceiver(8e6, 1e6)

    async def bench(ctx: Any) -> None:
        for level in (*levels(b"\x11\x22", 8, random.Random(1)), *[1] * 20):
            ctx.set(dut.pin, level)
            await ctx.tick()
        assert ctx.get(dut.o.valid)
        assert ctx.get(dut.o.payload) == 0x22

    simulate(dut, bench)


@pytest.mark.parametrize("cycles", RATIOS)
def test_transmitter_sends_what_receiver_takes_without_a_gap(cycles: float) -> None:

    m = Module()
    m.submodules.tx = tx = UartTransmitter(cycles * 1e6, 1e6)
    m.submodules.rx = rx = UartReceiver(cycles * 1e6, 1e6)
    m.d.comb += [rx.pin.eq(tx.pin), rx.o.ready.eq(1)]
    data = random.Random(cycles).randbytes(30) + bytes(3) + b"\xff"
    found, times, ticks = bytearray(), [], Signal(32)
    m.d.sync += ticks.eq(ticks + 1)

    async def bench(ctx: Any) -> None:
        while len(found) < len(data):
            _, _, valid, byte, time = await ctx.tick().sample(rx.o.valid, rx.o.payload, ticks)
            if valid:
                found.append(byte)
                times.append(int(time))

    simulate(m, bench, source(tx.i, deque(data), random.Random(0), 0.0))
    assert found == data
    assert times[-1] - times[0] == pytest.approx((10 * cycles + 1) * (len(data) - 1), abs=2 * cycles)


@pytest.mark.parametrize(("clock", "baud"), [(12e6, 12e6 / MIN_CYCLES * 1.1), (100e6, 4800)])
def test_a_baud_rate_that_the_clock_cannot_give_is_refused(clock: float, baud: float) -> None:
    with pytest.raises(ValueError, match=f"got {baud}"):
        phase_step(clock, baud)


def test_the_rate_is_right_to_the_phases_width() -> None:
    assert phase_step(100e6, 3e6) / (1 << PHASE_BITS) == pytest.approx(0.03, rel=2e-5)
