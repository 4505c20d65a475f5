"""The prover finds what is wrong and says so; a mistake in it would make all proofs worthless."""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.hdl import Assert, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from contract import Harness
from inside import Inside
from prover import DisprovedError, prove


class Stage(wiring.Component):
    """A register with streams; ``hasty`` takes a new word although the old one waits."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, hasty: bool = False) -> None:
        self._hasty = hasty
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8)), "sum": Out(8)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance, twice = Signal(), Signal(8)
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready | self._hasty),
            self.i.ready.eq(advance),
            self.sum.eq(self.i.p * self.o.p),
            Assert(self.i.p != 0xFF),
        ]
        with m.If(advance):
            m.d.sync += [self.o.valid.eq(self.i.valid), self.o.p.eq(self.i.p)]
        m.d.comb += twice.eq(self.o.p << 1)
        return m


def test_a_contract_that_is_kept_is_proved() -> None:
    prove(Harness(Stage()), depth=2, trust=True)


def test_a_word_that_vanishes_is_found_and_shown() -> None:
    with pytest.raises(DisprovedError) as error:
        prove(Harness(Stage(hasty=True)), depth=3, trust=True)
    text = str(error.value)
    assert "basecase: " in text
    assert "kind(kept)" in text  # the assertion
    assert "trace.vcd" in text
    for signal in ("o__valid", "o__ready", "o_kept", "advance"):
        assert f"\n  {signal} " in text


@pytest.mark.parametrize("bounded", [False, True])
def test_what_takes_long_to_go_wrong_is_not_proved(bounded: bool) -> None:
    """A counter that is wrong after 20 cycles: no induction closes on it, and a bound has to reach it."""

    def check(m: Module, dut: Any, inside: Inside) -> None:
        count = Signal(5)
        m.d.sync += count.eq(count + 1)
        m.d.comb += Assert(count != 20)

    with pytest.raises(DisprovedError, match=r"Assert\(count != 20\)"):
        prove(Harness(Stage(), check), depth=22 if bounded else 3, trust=True, bounded=bounded)


def test_assertions_of_the_component_count_unless_they_are_trusted() -> None:
    with pytest.raises(DisprovedError, match=r"Assert\(self\.i\.p != 0xFF\)"):
        prove(Harness(Stage()), depth=2)


def test_what_is_cut_may_be_anything() -> None:
    def check(m: Module, dut: Any, inside: Inside) -> None:
        m.d.comb += Assert((dut.o.p != 0) | (dut.sum == 0))

    prove(Harness(Stage(), check), depth=2, trust=True)
    with pytest.raises(DisprovedError, match=r"dut\.sum == 0"):
        prove(Harness(Stage(), check), depth=2, trust=True, cut=["$mul"])


def test_signals_inside_are_found_by_name() -> None:
    def check(m: Module, dut: Any, inside: Inside) -> None:
        m.d.comb += Assert(inside["twice"] == (dut.o.p << 1)[:8])
        assert inside["advance"].name == "advance"

    prove(Harness(Stage(), check), depth=2, trust=True)
