"""Nothing stalls between the event scanner's queues, so their room must be judged early enough: by induction,
what is on its way to a queue always finds a place in it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from amaranth.hdl import Assert, Assume, Module
from contract import Harness
from inside import Inside
from prover import prove
from tiny_arrays import tiny_array

from stillframe.hw.event_scanner import FETCH_STAGES, QUEUE_DEPTH, READ_STAGES, EventScanner


def _room(m: Module, dut: Any, inside: Inside, distant: bool) -> None:
    m.d.comb += Assume(~dut.mask_en.any() & ~dut.event_en)
    queues = (("words", "fetch", FETCH_STAGES, True), ("events", "read", READ_STAGES, False))
    for queue, stage, stages, ready in queues:  # for words it is a cycle later that there is room
        if distant:
            offered = inside[f"{stage}_{stages - 1}"] & (inside["some"] if ready else 1)
            held, waiting, came = (inside[f"{queue}.{name}"] for name in ("filled", "waiting", "came"))
            # Of events one may be in front of the register.
            rest = waiting + came + (0 if ready else inside[f"{queue}.holds"])
            level = rest + held  # as the queue asserts
            m.d.comb += Assert(held | (waiting == 0))
        else:
            offered = inside[f"{queue}.w_en"]
            level, held, rest = (inside[f"{queue}.fifo.{name}"] for name in ("level", "r_rdy", "inner_level"))
        on_the_way = sum(inside[f"{stage}_{n}"] for n in range(stages))
        if ready:
            m.d.comb += [
                Assert(~inside[f"{queue}.room"] | (level + on_the_way <= QUEUE_DEPTH - 2)),
                Assert(~dut.i.ready | (level + on_the_way <= QUEUE_DEPTH - 1)),
            ]
        m.d.comb += [
            Assert(level + on_the_way <= QUEUE_DEPTH),
            # So it is full with QUEUE_DEPTH, no sooner.
            Assert((rest < QUEUE_DEPTH) & (held | (rest <= 1 + (distant and not ready)))),
            Assert(~offered | inside[f"{queue}.i__ready"]),
        ]


@pytest.mark.parametrize("banks", [1, 2])
def test_what_is_on_its_way_finds_a_place(banks: int) -> None:
    check = partial(_room, distant=banks > 1)
    prove(Harness(EventScanner(tiny_array(banks), 0), check), depth=2)
