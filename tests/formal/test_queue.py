"""A queue, and a skid, gives each payload once and in order: its first cycles, with any stalls.

A payload is a bit: nothing in a queue depends on what it is. The queue's contract, for ever after, is among
those of ``test_stream_contract.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from amaranth.asserts import AnySeq
from amaranth.hdl import Assert, Module, Signal
from amaranth.lib import wiring
from contract import Harness
from inside import Inside
from prover import prove

from stillframe.hw.distant_queue import DistantQueue
from stillframe.hw.queue import Queue
from stillframe.hw.skid import Skid

DEPTH = 3
CYCLES = 9
"""Enough to fill it and go around its memory twice."""


def _in_order(m: Module, dut: Any, inside: Inside, depth: int, late: int) -> None:
    """``late``: places that may be free while it does not take any more."""
    taken, given = dut.i.valid & dut.i.ready, dut.o.valid & dut.o.ready
    level = Signal(range(depth + 2))  # payloads inside
    chosen, choose = Signal(), Signal()  # one payload, any one
    before, payload = Signal.like(level), Signal.like(dut.i.p)  # others in front of it, and it
    m.d.comb += choose.eq(AnySeq(1))
    m.d.sync += level.eq(level + taken - given)
    with m.If(taken & choose & ~chosen):
        m.d.sync += [chosen.eq(1), payload.eq(dut.i.p), before.eq(level - given)]
    with m.Elif(chosen & given & (before != 0)):
        m.d.sync += before.eq(before - 1)
    with m.If(chosen & (before == 0)):
        with m.If(given):
            m.d.sync += chosen.eq(0)
        m.d.comb += Assert(~dut.o.valid | (dut.o.p == payload))
    m.d.comb += [
        Assert(level <= depth),
        Assert(~dut.o.valid | (level != 0)),
        Assert(dut.busy == (level != 0)),
        Assert(dut.i.ready | (level >= depth - late)),
    ]


@pytest.mark.parametrize(
    ("kind", "depth", "late"),
    [
        (lambda: Queue(1, DEPTH), DEPTH, 1),
        (lambda: DistantQueue(1, DEPTH), DEPTH, 0),
        (lambda: DistantQueue(1, DEPTH, late=True), DEPTH, 0),
        (lambda: Skid(1), 2, 0),
    ],
)
def test_payloads_come_out_once_and_in_order(
    kind: Callable[[], wiring.Component], depth: int, late: int
) -> None:
    check = partial(_in_order, depth=depth, late=late)
    prove(Harness(kind(), check), depth=CYCLES, bounded=True)
