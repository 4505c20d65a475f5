"""What the tap expander promises the bank behind it, by induction: no tap for a pixel whose slot may still be
another's, and none for a pixel that was called complete before. ``test_mac_bank.py`` goes on from there.

Pixels are compared by how far their numbers are ahead of that of the drain's pixel, modulo 64.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal, Value
from contract import Harness
from inside import Inside
from prover import prove
from tiny_arrays import tiny_array

from stillframe.contract.array import SLOTS
from stillframe.hw.payloads import LEFT_BITS, PIXEL_BITS, event
from stillframe.hw.tap_expander import MARK_STEP, TapExpander

CONFIG = tiny_array()
COLUMNS = 3
"""Kernel columns that are looked at: an event has at most so many taps."""

SETTLING = 4
"""Cycles from the layer's first until what is computed from its fields is there."""


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
        The last mark that was given, and the cycles since the layer was there, up to ``SETTLING``.
    """
    layer, given = dut.layer, dut.i.p
    settled, mark = Signal(3), Signal(PIXEL_BITS)
    pixel = Signal(PIXEL_BITS)
    m.d.sync += settled.eq(Mux(settled == SETTLING, settled, settled + 1))
    m.d.sync += pixel.eq(dut.pixel)
    with m.If(dut.i.valid & dut.i.ready & given.mark):
        m.d.sync += mark.eq(given.complete)
    before = Signal(PIXEL_BITS)
    m.d.sync += before.eq(dut.o.complete)
    m.d.comb += [
        Assert(inside["before"] == pixel),
        Assume(~dut.start & (~dut.i.valid | (settled == SETTLING))),
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
    layer, step, groups = dut.layer, _step(dut.layer), CONFIG.taps

    def times(value: Value, plain: int, depthwise: int) -> Value:
        return Mux(layer.depthwise, depthwise * value, plain * value)

    values = [
        (1, "distance", _reach(step)),
        (1, "column_step", times(layer.stride, 1, groups)),
        (3, "place_step_1", _reach(times(step, 1, groups))),
        (4, "place_step_2", _reach(times(step, 2, 2 * groups))),
        (3, "last_column_1", _rest(layer.kernel_columns, times(layer.stride, 1, groups))),
        (4, "last_column_2", _rest(layer.kernel_columns, times(layer.stride, 2, 2 * groups))),
    ]
    for t in range(groups):
        values += [
            (2, f"columns_{t}", _rest(layer.kernel_columns, times(layer.stride, 0, t))),
            (2, f"places_{t}", _reach(times(step, 0, t))),
        ]
    m.d.comb += [Assert((settled < cycles) | (inside[name] == value)) for cycles, name, value in values]
    m.d.comb += Assert(~inside["valid"] | (settled == SETTLING))


def _slots(m: Module, dut: Any, inside: Inside) -> None:
    mark, settled = _surroundings(m, dut, inside)
    _settle(m, dut, inside, settled)
    layer = dut.layer

    def ahead(number: Value) -> Value:
        return (number - dut.pixel)[:PIXEL_BITS]

    _taps(m, dut, inside)

    # Of the event under way.
    valid, now = inside["valid"], event(CONFIG)(inside["now"])
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
    for t in range(CONFIG.taps):
        pixel, enabled = ahead(dut.o.pixels[t]), dut.o.enable[t]
        m.d.comb += Assert(~enabled | ((pixel < SLOTS) & (pixel >= ahead(before))))


def _taps(m: Module, dut: Any, inside: Inside) -> None:
    """Asserts that each event taken gives each of its taps once, one step of it a time."""
    layer = dut.layer
    valid, column_step, place_step, row_step = (
        inside[name] for name in ("valid", "column_step", "place_step_1", "row_step")
    )
    now, was = event(CONFIG)(inside["now"]), Signal(event(CONFIG), name="was")
    was_valid, taken = Signal(), Signal()
    offered = Signal(event(CONFIG), name="offered")
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
    for t in range(CONFIG.taps):
        column = was.tap + Mux(layer.depthwise, t * layer.stride, 0)
        left = Mux(layer.depthwise, t * step, 0)
        m.d.comb += [
            Assert(~given | (dut.o.enable[t] == (column < layer.kernel_columns) & (was.left >= left))),
            Assert(~dut.o.enable[t] | (dut.o.pixels[t] == (was.pixel - left)[:PIXEL_BITS])),
        ]


def test_a_tap_waits_for_its_slot_and_marks_wait_for_taps() -> None:
    prove(Harness(TapExpander(CONFIG), _slots), depth=2)
