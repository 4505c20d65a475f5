"""cocotb bench of :class:`toys.Swap`, run by test_cocotb_runner.py."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles
from toys import PAIR

from stillframe.sim import vip

PARAMETERS = vip.parameters()


def _items(count: int) -> list[dict[str, Any]]:
    def signed(bits: int) -> int:
        return random.randrange(-(1 << bits - 1), 1 << bits - 1)

    return [
        {
            "left": signed(9),
            "flags": [random.getrandbits(1) for _ in range(3)],
            "inner": {"a": random.getrandbits(4), "b": signed(5)},
        }
        for _ in range(count)
    ]


def _swapped(item: dict[str, Any]) -> dict[str, Any]:
    left, a, b = -item["left"], item["inner"]["a"], item["inner"]["b"]
    return {
        "left": left if left < 256 else -256,
        "flags": item["flags"],
        "inner": {"a": b & 15, "b": a},
    }


@cocotb.test()
async def swaps(dut: Any) -> None:
    """All items come through a stalling source and sink, in order."""
    await vip.start(dut)
    source = vip.StreamSource(dut, "i", PAIR, PARAMETERS["stall"], seed=1)
    monitor = vip.StreamMonitor(dut, "i", PAIR)
    sink = vip.StreamSink(dut, "o", PAIR, PARAMETERS["stall"], seed=2)
    items = _items(PARAMETERS["count"])
    source.send(items)
    assert await sink.receive(len(items)) == [_swapped(item) for item in items]
    await source.sent()
    assert monitor.items == items


@cocotb.test()
async def full_speed(dut: Any) -> None:
    """Without stalls an item passes each cycle, the first a cycle after it was offered."""
    await vip.start(dut)
    source, sink = vip.StreamSource(dut, "i", PAIR), vip.StreamSink(dut, "o", PAIR)
    source.send(_items(50))
    await ClockCycles(dut.clk, 40)
    assert len(sink.items) == 37


@cocotb.test()
async def reset_in_mid_stream(dut: Any) -> None:
    """A reset drops what is under way, and the stream goes on with what is sent after it."""
    await vip.start(dut)
    source, sink = vip.StreamSource(dut, "i", PAIR), vip.StreamSink(dut, "o", PAIR, stall=0.5)
    source.send(_items(50))
    await ClockCycles(dut.clk, 20)
    await vip.reset(dut, source, sink)
    after = _items(50)
    source.send(after)
    assert await sink.receive(50) == [_swapped(item) for item in after]
    await ClockCycles(dut.clk, 20)
    assert sink.items == []


@cocotb.test()
async def wrong(dut: Any) -> None:
    """Expects what the design does not do: must fail."""
    await vip.start(dut)
    source, sink = vip.StreamSource(dut, "i", PAIR), vip.StreamSink(dut, "o", PAIR)
    items = _items(1)
    source.send(items)
    assert await sink.receive(1) == items


@cocotb.test()
async def hangs(dut: Any) -> None:
    """Waits for an item that never comes: must fail."""
    await vip.start(dut)
    await vip.StreamSink(dut, "o", PAIR).receive(1, timeout=100)
