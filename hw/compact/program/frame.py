"""BEGIN and INPUT: the frame comes in, and every code is encoded at once."""

from __future__ import annotations

from stillframe.contract.layer import Mode

from ..assembler import Assembler
from ..isa import Get, Put
from ..memory_plan import Places


def write(a: Assembler, places: Places) -> None:
    """Labels ``begin``, ``input`` and ``run``, which go on at ``run_layers`` if the frame is complete."""
    _begin(a)
    _input(a)
    _run(a)


def _begin(a: Assembler) -> None:
    a.label("begin")
    a.sub(a.value, a.length, 1)
    a.if_nonzero("finish_BAD_REQUEST")
    a.lbu(a.key, a.buffer)
    a.and_(a.key, a.key, 1)
    a.xor(a.value, a.key, 1)
    a.and_(a.value, a.value, a.needs_key)
    a.if_nonzero("drop_NEEDS_KEY")
    a.li(a.begun, 1)
    a.li(a.needs_key, 1)
    a.move(a.layer, a.layers_base)
    a.call("load_layer")
    a.call("begin_output")
    a.li(a.skipped, 0)
    a.li(a.input_cycles, 0)
    a.jump("finish_OK")


def _input(a: Assembler) -> None:
    """Runs of pixels: skip(1) count(1) codes."""
    a.label("input")
    a.test(a.begun)
    a.if_zero("finish_NOT_BEGUN")
    a.get(a.started, Get.CYCLES)
    a.move(a.at, a.buffer)
    a.add(a.end, a.buffer, a.length)
    a.label("next_run")
    a.sub(a.value, a.end, a.at)
    a.if_zero("input_done")
    a.lbu(a.left, a.at)
    a.add(a.at, a.at, 1)
    a.sub(a.value, a.end, a.at)
    a.if_zero("drop_BAD_REQUEST")
    # To the end of the row, or as far as is to be skipped.
    a.label("skip")
    a.test(a.left)
    a.if_zero("skipped_all")
    a.test(a.rows_left)
    a.if_zero("drop_INCOMPLETE")
    a.li(a.skipped, 1)
    a.add(a.x, a.x, a.left)
    a.sub(a.left, a.x, a.out_width)
    a.if_negative("skipped_all")
    a.call("next_row")
    a.jump("skip")
    a.label("skipped_all")
    a.lbu(a.left, a.at)
    a.add(a.at, a.at, 1)
    a.label("next_pixel")
    a.sub(a.left, a.left, 1)
    a.if_negative("next_run")
    a.test(a.rows_left)
    a.if_zero("drop_INCOMPLETE")
    a.call("begin_pixel")
    a.move(a.channels, a.in_channels)
    a.label("next_code")
    a.sub(a.value, a.end, a.at)
    a.if_zero("drop_BAD_REQUEST")
    a.lb(a.value, a.at)
    a.add(a.at, a.at, 1)
    a.put(Put.FINISH_CODE, a.value)
    a.sub(a.channels, a.channels, 1)
    a.if_nonzero("next_code")
    a.call("step_pixel")
    a.jump("next_pixel")
    a.label("input_done")
    a.get(a.value, Get.CYCLES)
    a.sub(a.value, a.value, a.started)
    a.add(a.input_cycles, a.input_cycles, a.value)
    a.jump("finish_OK")


def _run(a: Assembler) -> None:
    a.label("run")
    a.test(a.length)
    a.if_nonzero("finish_BAD_REQUEST")
    a.test(a.begun)
    a.if_zero("finish_NOT_BEGUN")
    a.or_(a.value, a.rows_left, a.skipped)
    a.if_zero("run_layers")
    assert Mode.DELTA == 0
    a.or_(a.value, a.key, a.out_mode)
    a.if_nonzero("drop_INCOMPLETE")
    a.jump("run_layers")
