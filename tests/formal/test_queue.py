"""A queue gives each payload once and in order: the first cycles of a small one, with any stalls.

A payload is a bit: nothing in a queue depends on what it is. The queue's contract, for ever after, is among
those of ``test_stream_contract.py``.
"""

from __future__ import annotations

from typing import Any

from amaranth.asserts import AnySeq
from amaranth.hdl import Assert, Module, Signal
from contract import Harness
from inside import Inside
from prover import prove

from stillframe.hw.queue import Queue

DEPTH = 3
CYCLES = 9
"""Enough to fill it and go around its memory twice."""


def _in_order(m: Module, dut: Any, inside: Inside) -> None:
    taken, given = dut.i.valid & dut.i.ready, dut.o.valid & dut.o.ready
    level = Signal(range(DEPTH + 2))  # payloads inside
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
        Assert(level <= DEPTH),
        Assert(~dut.o.valid | (level != 0)),
        Assert(dut.busy == (level != 0)),
        Assert(dut.i.ready | (level == DEPTH) | (level == DEPTH - 1)),
    ]


def test_payloads_come_out_once_and_in_order() -> None:
    prove(Harness(Queue(1, DEPTH), _in_order), depth=CYCLES, bounded=True)
