"""A board's top at its pins (cocotb), and behind a pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_arrays import small_array
from small_graphs import AROUND, Layer, chain

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.boards import BOARDS
from stillframe.driver import Device, LinkError, Session, check_name, open_device
from stillframe.frontend import Conv, Graph
from stillframe.golden import GoldenModel
from stillframe.hw.boards.design import BoardDesign, platform_of
from stillframe.hw.boards.ecp5_pll import ecp5_dividers
from stillframe.hw.boards.top import Top
from stillframe.sim.cocotb_runner import run_bench
from stillframe.sim.native import open_component
from stillframe.sim.pins import BoardOnPins

BENCH = Path(__file__).parent / "bench_top.py"
CYCLES = 8.3
FAST = "simserial:?baud=12000000"


def convolution() -> Graph:
    """One that takes some hundred cycles."""
    return chain((6, 7, 3), Layer(Conv, (3, 3), 4, weight=3, shift=-2, padding=AROUND), zero_point=3)


@pytest.mark.parametrize("array", ["1x4@85F", "1x4@UP5K"])
def test_top_at_its_pins(array: str) -> None:
    top = Top(small_array(array), CYCLES * 1e6, 1e6)
    run_bench(top, BENCH, {"cycles": CYCLES})


@pytest.mark.parametrize(("device", "array"), [(FAST, "1x4@25F"), ("simserial:icebreaker", "1x4@UP5K")])
def test_a_session_over_a_pseudo_terminal(device: str, array: str) -> None:
    """pyserial at one end, the board's pins at the other; nothing has to be sent twice."""
    config = small_array(array)
    graph = convolution()
    program = compile_graph(graph, config, mode="delta")
    rng = np.random.default_rng(2)
    frames = [rng.integers(-128, 128, program.frame.shape, np.int8)]
    for _ in range(4):
        changed = rng.random(frames[-1].shape) < 0.1
        frames.append(np.where(changed, rng.integers(-128, 128, frames[-1].shape, np.int8), frames[-1]))
    expected = GoldenModel(graph, 0).run(np.stack(frames)).outputs
    with open_device(device, config) as board:
        session = Session(board, program)
        for n, frame in enumerate(frames):
            result = session.run(frame)
            for name, values in expected.items():
                np.testing.assert_array_equal(result.outputs[name], values[n])
        assert board.statistics.retries == 0


@pytest.mark.parametrize(("array", "limit"), [("1x4@25F", 8), ("1x4@UP5K", 10)])
def test_the_watchdog_ends_a_layer_that_takes_too_long(array: str, limit: int) -> None:
    """A limit that every frame exceeds: the driver is told, and the board is well afterwards."""
    config = small_array(array)
    program = compile_graph(convolution(), config, mode="delta")
    frame = np.random.default_rng(2).integers(-128, 128, program.frame.shape, np.int8)
    board = open_component(BoardOnPins(config, CYCLES * 1e6, 1e6, limit=limit))
    with Device(board, attempts=3, timeout=4e-3) as device:
        session = Session(device, program)
        with pytest.raises(LinkError, match="expected RUN to be carried out, got BAD_SEQUENCE"):
            session.run(frame)
        assert device.hello()["lanes"] == 4


@pytest.mark.parametrize("address", ["/dev/ttyUSB0", "?baud=", "?baud=fast", "?parity=odd", "?baud=99000000"])
def test_an_address_of_another_form(address: str) -> None:
    check_name(f"simserial:{address}")
    with pytest.raises(StillframeError, match="device simserial:"):
        open_device(f"simserial:{address}", small_array("1x4"))


def test_an_array_for_another_board() -> None:
    with pytest.raises(StillframeError) as caught:
        open_device("simserial:icebreaker", ArrayConfig.parse("1x16@25F"))
    assert str(caught.value) == (
        "device simserial:icebreaker: expected an array with the memories of the board's part, UP5K, "
        "got 1x16@25F\n  -> run with --array 1x4@UP5K"
    )


ULX3S_PINS = ("uart_0__rx__io", "uart_0__tx__io", "led_0__io", "led_3__io", "clk25_0__io")
ICEBREAKER_PINS = ("uart_0__rx__io 6", "uart_0__tx__io 9", "led_0__io 11", "led_1__io 37", "clk12_0__io 35")


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_elaborated_with_its_pins_and_clock(name: str) -> None:
    board = BOARDS[name]
    design = BoardDesign(board, ArrayConfig.parse(board.array))
    plan = platform_of(board).build(design, name="top", do_build=False, emit_src=False)
    if board.array.endswith("@UP5K"):
        constraints = set(plan.files["top.pcf"].splitlines())
        assert {f"set_io {pin}" for pin in ICEBREAKER_PINS} < constraints
        assert "set_frequency clk12_0__io 12.0" in constraints
        return
    constraints = plan.files["top.lpf"]
    given = ecp5_dividers(25, board.clock_mhz).mhz
    assert round(given, 2) == board.clock_mhz
    assert f" {given * 1e6} HZ;" in constraints
    for pin in ULX3S_PINS:
        assert f'LOCATE COMP "{pin}' in constraints
