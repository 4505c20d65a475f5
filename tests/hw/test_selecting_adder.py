"""The adder that chooses an operand: its carry cells add as it does where it is written out."""

from __future__ import annotations

from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.bitstreams import tools, utilisation
from stillframe.bitstreams.no_board import NoBoard
from stillframe.hw import selecting_adder
from stillframe.hw.selecting_adder import SelectingAdder

SCRIPT = """\
read_rtlil top.il
read_verilog -overwrite +/ecp5/cells_sim.v
hierarchy -top top
proc
flatten
opt -full
sat -verify -prove same 1 top
"""


class Compared(wiring.Component):
    """Whether the adder's sum is the one written out."""

    def __init__(self, width: int) -> None:
        self._width = width
        operands = {name: In(width) for name in ("a", "b", "c")}
        super().__init__(operands | {"select": In(1), "same": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.adder = adder = SelectingAdder(self._width)
        total = Signal(self._width)
        for name in ("a", "b", "c", "select"):
            m.d.comb += getattr(adder, name).eq(getattr(self, name))
        m.d.comb += total.eq(self.a + Mux(self.select, self.b, self.c))
        m.d.comb += self.same.eq(adder.o == total)
        return m


def prove(width: int, folder: Path) -> None:
    """Of all operands, with Yosys' model of an ECP5's cells."""
    source = rtlil.convert(Compared(width), name="top", platform=NoBoard(), emit_src=False)
    assert source.count("cell \\CCU2C") == -(-width // 2)
    folder.joinpath("top.il").write_text(source)
    folder.joinpath("prove.ys").write_text(SCRIPT)
    tools.run(tools.YOSYS, ["prove.ys"], folder)


@pytest.mark.parametrize("width", [1, 6, 27])
def test_carry_cells_add_what_is_chosen(width: int, tmp_path: Path) -> None:
    prove(width, tmp_path)


def test_another_look_up_table_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selecting_adder, "LOOK_UP", selecting_adder.LOOK_UP ^ 0x4000)
    with pytest.raises(tools.ToolError, match="proof did fail"):
        prove(6, tmp_path)


def test_on_an_ecp5_there_is_nothing_beside_the_carry_cells() -> None:
    used = utilisation(SelectingAdder(27))
    assert (used.carry, used.luts, used.ff) == (14, 28, 0)
