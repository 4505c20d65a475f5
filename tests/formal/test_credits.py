"""Credits, by induction: never more words inside than the end holds, and room again once they have left."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Assert, Assume, Module, Signal
from contract import Harness
from inside import Inside
from prover import prove

from stillframe.hw.credits import Credits

DEPTH = 5


def _counted(m: Module, dut: Any, inside: Inside) -> None:
    words = Signal(range(DEPTH + 2))
    quiet = Signal(2)  # cycles in which nothing entered or left, up to 2
    with m.If(dut.enter | dut.leave):
        m.d.sync += quiet.eq(0)
    with m.Elif(quiet != 2):
        m.d.sync += quiet.eq(quiet + 1)
    m.d.sync += words.eq(words + dut.enter - dut.leave)
    m.d.comb += [
        Assume(~dut.enter | dut.room),
        Assume(~dut.leave | (words != 0)),
        Assert(inside["inside"] + inside["entered"] == words + inside["left"]),
        Assert(words <= DEPTH),
        Assert(dut.busy | (words == 0)),
        Assert(~dut.room | (inside["inside"] + 1 < DEPTH)),
        Assert((quiet != 2) | (dut.room == (words + 1 < DEPTH))),
    ]


def test_no_more_enter_than_fit_and_all_but_one_that_fit_may() -> None:
    prove(Harness(Credits(DEPTH), _counted), depth=3)
