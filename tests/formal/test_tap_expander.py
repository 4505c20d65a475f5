"""What the tap expander promises the bank behind it, by induction: no tap for a pixel whose slot may still be
another's, and none for a pixel that was called complete before. ``test_mac_bank.py`` goes on from there.

Pixels are compared by how far their numbers are ahead of that of the drain's pixel, modulo 64.
"""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.hdl import Assert, Assume, Cat, Const, Module, Mux, Signal, Value
from contract import Harness
from inside import Inside
from prover import prove
from tiny_arrays import tiny_array

from stillframe.contract import ArrayConfig
from stillframe.contract.array import SLOTS
from stillframe.hw.payloads import LEFT_BITS, PIXEL_BITS, event
from stillframe.hw.tap_expander import MARK_STEP, TapExpander

CONFIGS = {"one bank": tiny_array(), "two banks": tiny_array(2, 1)}  # of 2 and of 4 lane groups
COLUMNS = 3
"""Kernel columns that are looked at: an event has at most so many taps."""


def _settling(taps: int) -> int:
    """Cycles from the layer's first until what is computed from its fields is there."""
    return taps + 2


def _side(dut: Any) -> Value:
    """Kernel columns side by side."""
    return Mux(dut.layer.depthwise, _config(dut).taps, Const(1) << dut.layer.side_log2)


def _column(dut: Any, t: int) -> Value:
    """Which of them lane group ``t`` has."""
    return (t * _side(dut)) // _config(dut).taps


def _config(dut: Any) -> ArrayConfig:
    config: ArrayConfig = dut._config
    return config


def _step(layer: Any) -> Value:
    """Pixels from one tap of an event to the next."""
    return Mux(layer.stride == 1, layer.dilation, 1)


def _rest(columns: Value, less: Value) -> Value:
    """What is left of columns, 0 or more."""
    return Mux(columns < less, 0, columns - less)


def _reach(pixels: Value) -> Value:
    """So many pixels, as far as an event says how many are to its left."""
    return Mux(pixels > 1 << LEFT_BITS, 1 << LEFT_BITS, pixels)


def _in_reach(layer: Any, tap: Value, left: Value, ahead: Value) -> Value:
    """Whether all taps of an event, from the one given on, are for ``SLOTS`` pixels from a certain one on;
    ``ahead`` is how far the given one's pixel is from that.
    """
    ahead = ahead[:PIXEL_BITS]
    taps = [
        (tap + n * layer.stride >= layer.kernel_columns)
        | (left < n * _step(layer))
        | (ahead >= n * _step(layer))
        for n in range(COLUMNS)
    ]
    return Cat(taps).all() & (ahead < SLOTS)


def _surroundings(m: Module, dut: Any, inside: Inside) -> tuple[Value, Value]:
    """A finder and a drain that keep their promises.

    Returns:
        The last mark that was given, and the cycles since the layer was there, until it is settled.
    """
    settling = _settling(_config(dut).taps)
    layer, given = dut.layer, dut.i.p
    settled, mark = Signal(3), Signal(PIXEL_BITS)
    pixel = Signal(PIXEL_BITS)
    m.d.sync += settled.eq(Mux(settled == settling, settled, settled + 1))
    m.d.sync += pixel.eq(dut.pixel)
    with m.If(dut.i.valid & dut.i.ready & given.mark):
        m.d.sync += mark.eq(given.complete)
    before = Signal(PIXEL_BITS)
    m.d.sync += before.eq(dut.o.complete)
    m.d.comb += [
        Assert(inside["before"] == pixel),
        Assume(~dut.start & (~dut.i.valid | (settled == settling))),
        Assume(layer.side_log2 <= (_config(dut).taps.bit_length() - 1 if _config(dut).banks > 1 else 0)),
        Assume((layer.kernel_columns != 0) & (layer.kernel_columns <= COLUMNS)),
        Assume((layer.stride != 0) & (layer.dilation != 0)),
        # The drain goes on to the next pixel if the one before was complete.
        Assume(dut.pixel == (pixel + inside["moved"])[:PIXEL_BITS]),
        Assume(~inside["moved"] | (pixel != before)),
        # The finder's marks go forwards, and its events are for the SLOTS pixels behind the last mark.
        Assume(~given.mark | ((given.complete - mark)[:PIXEL_BITS] <= SLOTS)),
        Assume(given.mark | (given.tap < layer.kernel_columns)),
        Assume(given.mark | _in_reach(layer, given.tap, given.left, given.pixel - mark)),
    ]
    return mark, settled


def _settle(m: Module, dut: Any, inside: Inside, settled: Value) -> None:
    """Asserts what is computed from the layer's fields, in so many cycles."""
    layer, step, groups, side = dut.layer, _step(dut.layer), _config(dut).taps, _side(dut)
    values = [
        (1, "distance", _reach(step)),
        (1, "column_step", layer.stride * side),
        (groups + 1, "place_step_1", _reach(step * side)),
        (groups + 2, "place_step_2", _reach(step * side * 2)),
        (groups + 1, "last_column_1", _rest(layer.kernel_columns, layer.stride * side)),
        (groups + 2, "last_column_2", _rest(layer.kernel_columns, layer.stride * side * 2)),
    ]
    for t in range(groups):
        values += [
            (t + 1, f"columns_{t}", _rest(layer.kernel_columns, layer.stride * _column(dut, t))),
            (t + 1, f"places_{t}", _reach(step * _column(dut, t))),
        ]
    m.d.comb += [Assert((settled < cycles) | (inside[name] == value)) for cycles, name, value in values]
    m.d.comb += Assert(~inside["valid"] | (settled == _settling(groups)))


def _slots(m: Module, dut: Any, inside: Inside) -> None:
    mark, settled = _surroundings(m, dut, inside)
    _settle(m, dut, inside, settled)
    layer = dut.layer

    def ahead(number: Value) -> Value:
        return (number - dut.pixel)[:PIXEL_BITS]

    _taps(m, dut, inside)

    # Of the event under way.
    valid, now = inside["valid"], event(_config(dut))(inside["now"])
    more = (now.tap + inside["column_step"] < layer.kernel_columns) & (now.left >= inside["place_step_1"])
    distance = (now.pixel - inside["before"])[:PIXEL_BITS]
    m.d.comb += [
        Assert(~valid | (inside["within"] == (distance < SLOTS))),
        Assert(~valid | (inside["just"] == (distance == SLOTS))),
        Assert(inside["complete"] == mark),
        Assert(~valid | (inside["last"] == ~more)),
        Assert(~valid | (now.tap < layer.kernel_columns)),
        Assert(~valid | _in_reach(layer, now.tap, now.left, now.pixel - dut.o.complete)),
    ]

    # The promise: ``before`` is what was called complete with the taps of the cycle before.
    before = Signal(PIXEL_BITS)
    m.d.sync += before.eq(dut.o.complete)
    m.d.comb += [
        Assert(ahead(mark) <= MARK_STEP),
        Assert(ahead(dut.o.complete) <= ahead(mark)),
        Assert(ahead(before) <= ahead(dut.o.complete)),
    ]
    for t in range(_config(dut).taps):
        pixel, enabled = ahead(dut.o.pixels[t]), dut.o.enable[t]
        # Of the slots from the drain's pixel of a cycle ago on.
        m.d.comb += Assert(~enabled | ((pixel + inside["moved"] < SLOTS) & (pixel >= ahead(before))))


def _taps(m: Module, dut: Any, inside: Inside) -> None:
    """Asserts that each event taken gives each of its taps once, one step of it a time."""
    layer = dut.layer
    valid, column_step, place_step, row_step = (
        inside[name] for name in ("valid", "column_step", "place_step_1", "row_step")
    )
    now, was = event(_config(dut))(inside["now"]), Signal(event(_config(dut)), name="was")
    was_valid, taken = Signal(), Signal()
    offered = Signal(event(_config(dut)), name="offered")
    m.d.sync += [was.eq(now), was_valid.eq(valid), offered.eq(dut.i.p)]
    rows = Signal.like(row_step)  # of WEIGHTS, as it was then: how it is computed is not looked at here
    m.d.sync += rows.eq(row_step)
    m.d.sync += taken.eq(dut.i.valid & dut.i.ready & ~dut.i.p.mark)

    given = dut.o.enable.any()
    more = (was.tap + column_step < layer.kernel_columns) & (was.left >= place_step)
    ahead = (
        (now.tap == (was.tap + column_step)[: len(now.tap)])
        & (now.left == was.left - place_step)
        & (now.weight == (was.weight + rows)[: len(now.weight)])
        & (now.pixel == (was.pixel - place_step)[:PIXEL_BITS])
        & (now.values == was.values)
    )
    m.d.comb += [
        Assert(was_valid | ~given),
        Assert(~was_valid | given | (valid & (now == was) & ~taken)),
        Assert(~given | ~more | (valid & ahead & ~taken)),
        Assert(~taken | (valid & (now == offered))),
        Assert((was_valid & (~given | more)) | (valid == taken)),
        Assert(~given | ((dut.o.values == was.values) & (dut.o.row == was.weight))),
    ]
    step = _step(layer)
    for t in range(_config(dut).taps):
        column = was.tap + _column(dut, t) * layer.stride
        left = _column(dut, t) * step
        m.d.comb += [
            Assert(~given | (dut.o.enable[t] == (column < layer.kernel_columns) & (was.left >= left))),
            Assert(~dut.o.enable[t] | (dut.o.pixels[t] == (was.pixel - left)[:PIXEL_BITS])),
        ]


@pytest.mark.parametrize("banks", CONFIGS)
def test_a_tap_waits_for_its_slot_and_marks_wait_for_taps(banks: str) -> None:
    prove(Harness(TapExpander(CONFIGS[banks]), _slots), depth=2)
