"""The event router, by induction: each event goes to each bank of its class once, and a mark when all of the
class's groups have it.

The queues at its end are looked at from their front: ``test_queue.py`` is about what is behind it.
"""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.hdl import Assert, Assume, Cat, Const, Module, Mux, Signal
from contract import Harness
from inside import Inside
from prover import prove
from tiny_arrays import tiny_array

from stillframe.hw.event_router import QUEUE_DEPTH, EventRouter

SETTLING = 2
"""Cycles from the layer's first until its classes are known."""


def _routes(banks: int, share_log2: int) -> Any:
    """What is to hold where 1 << ``share_log2`` banks share an output."""

    def check(m: Module, dut: Any, inside: Inside) -> None:
        settled = Signal(2)
        m.d.sync += settled.eq(Mux(settled == SETTLING, settled, settled + 1))
        m.d.comb += Assume(dut.layer.share_log2 == share_log2)
        m.d.comb += [Assume(~stream.valid | (settled == SETTLING)) for stream in dut.i]
        for number in range(1 << share_log2):
            _class(m, dut, inside, range(number, banks, 1 << share_log2))

    return check


def _class(m: Module, dut: Any, inside: Inside, members: range) -> None:
    heads = [dut.i[q] for q in members]
    name = f"class_{members[0]}"
    events = Cat(head.valid & head.ready & ~head.p.mark for head in heads)
    marks = Cat(head.valid & head.ready & head.p.mark for head in heads)
    # Marks are the same in all groups: a group's n-th mark is the others' n-th.
    offered = Cat(head.valid & head.p.mark for head in heads)
    same = Cat(head.p.complete == heads[0].p.complete for head in heads)
    waiting = Cat(head.valid & ~head.p.mark for head in heads)
    room = Cat(inside[f"queue_{bank}.room"] for bank in members).all()
    m.d.comb += [
        Assume(~offered.all() | same.all()),
        Assert(~room | ~(waiting.any() | offered.all()) | (events | marks).any()),
        Assert((events & (events - 1)) == 0),  # one at a time
        Assert((marks == 0) | (marks.all() & (events == 0))),  # one for all
    ]

    # What was taken goes to each of the banks in the next cycle, and nothing else does.
    taken = Signal(name=f"{name}_taken")
    payload = Signal(dut.i[0].p.shape(), name=f"{name}_payload")
    m.d.sync += taken.eq(events.any() | marks.any())
    for n, head in reversed(list(enumerate(heads))):
        with m.If(events[n] | marks[n]):
            m.d.sync += payload.eq(head.p)
    for bank in members:
        queue = {port: inside[f"queue_{bank}.{port}"] for port in ("w_en", "w_data", "i__ready")}
        level, held, rest = (inside[f"queue_{bank}.fifo.{n}"] for n in ("level", "r_rdy", "inner_level"))
        m.d.comb += [
            Assert(queue["w_en"] == taken),
            Assert(~taken | (queue["w_data"] == payload.as_value())),
            Assert(~taken | queue["i__ready"]),
            Assert(level + taken <= QUEUE_DEPTH),
            Assert(
                (rest < QUEUE_DEPTH) & (held | (rest <= 1))
            ),  # what is left of it while its output is empty
        ]

    # An event waits for at most one of each of the other groups: those between it and the last one taken.
    heads_of_merger = range(members[0], len(dut.i), 1 << members[0].bit_length())
    turns = inside["behind" + (f"${members[0]}" if members[0] else "")]
    for n, head in enumerate(heads):
        waiting = head.valid & ~head.p.mark & ~head.ready
        others = Signal(range(len(heads) + 1), name=f"{name}_before_{n}")
        m.d.sync += others.eq(Mux(waiting, others + events.any(), 0))
        m.d.comb += Assert(~waiting | (others + events.any() < len(heads)))
        known = Const(0, 1)
        for last, _ in enumerate(heads_of_merger):
            now = turns == (~0 << last + 1) & (1 << len(heads_of_merger)) - 1
            order = [*heads_of_merger[last + 1 :], *heads_of_merger[: last + 1]]
            still = [q for q in order[: order.index(members[n])] if q in members]
            known |= now & (others + len(still) < len(heads))
        m.d.comb += Assert(known)


@pytest.mark.parametrize(("banks", "share_log2"), [(2, 0), (2, 1), (4, 0), (4, 1), (4, 2)])
def test_each_event_goes_to_each_bank_of_its_class_once(banks: int, share_log2: int) -> None:
    router = EventRouter(tiny_array(banks, 1))
    prove(Harness(router, _routes(banks, share_log2), gives=False), depth=2, cut=["$memrd_v2"])
