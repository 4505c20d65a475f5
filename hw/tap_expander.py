"""From an event to its taps: the kernel columns that meet it, each with the output pixel it belongs to."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Array, Assert, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, SLOTS, ArrayConfig

from .payloads import LEFT_BITS, PIXEL_BITS, event
from .side_columns import column_bits, column_starts
from .signatures import LayerSignature

MARK_STEP = (1 << PIXEL_BITS) // 2 - 1
"""Pixels that one mark may complete at most."""


def taps(config: ArrayConfig) -> data.StructLayout:
    """What a bank does in a cycle: each lane multiplies one of the values for its lane group's pixel
    (:meth:`~.ArrayConfig.tap_and_place`)."""
    return data.StructLayout(
        {
            "enable": config.taps,  # the lane groups that multiply: all or none if they have the same column
            "row": ADDRESS_BITS,  # WEIGHTS row
            "values": data.ArrayLayout(signed(9), config.group),
            "pixels": data.ArrayLayout(PIXEL_BITS, config.taps),  # number of each lane group's output pixel
            "count": range(config.group + 1),  # as the event's
            "final": 1,  # as the event's
            "complete": PIXEL_BITS,  # with these taps the sums of all pixels before this one are complete
        }
    )


def _rest(columns: Value, less: Value) -> Value:
    """What is left of columns, 0 or more."""
    rest = columns - less
    return Mux(rest < 0, 0, rest)


def _reach(pixels: Value) -> Value:
    """So many pixels, or one more than are ever said to be to the left of an event."""
    most = 1 << LEFT_BITS
    return Mux(pixels < most, pixels, most)


class TapExpander(wiring.Component):
    """Gives the taps of each event one after the other: kernel column ``tap``, then a stride further each
    time for a pixel further to the left, while there is such a column and the pixel lies in the strip. Lane
    groups of a bank that have columns of their own (:mod:`~.side_columns`) take these taps in the same cycle.

    All taps of an event must be for ``SLOTS`` pixels: a strip has no more, or its kernel spans no more.

    A tap is given only if its pixel is one of the ``SLOTS`` from ``pixel`` on, so that no accumulator is used
    anew before it was drained. Marks are taken at once, behind the taps of the event before, but none that
    completes pixels ``MARK_STEP`` + 1 or more from ``pixel`` on: pixel numbers stay unambiguous.

    Latency ``LATENCY`` cycles from an event to its first taps; throughput a tap a cycle, or as many as
    there are columns side by side, without a gap from event to event. A mark costs a cycle only behind an
    event's last tap.

    Ports:
        layer: Constant from ``config.taps + 3`` cycles before its first event on.
        start: Pulse before a layer: pixels count from 0.
        pixel: Number of the pixel to be drained next. release: It moves on by one.
        o: The taps of this cycle; nothing can hold them up.
    """

    LATENCY = 2

    start: Signal
    pixel: Signal
    release: Signal
    i: stream.Interface
    o: data.View[data.StructLayout]

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "pixel": In(PIXEL_BITS),
                "release": In(1),
                "i": In(stream.Signature(event(config))),
                "o": Out(taps(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, i = self.layer, self.i.p
        groups = range(self._config.taps)

        # Constants of the layer: how far lane group t is from the first, and the next taps from these, as far
        # as it matters: there are no columns below 0, nor more pixels than may be to the left of an event.
        # With one bank lane groups have their own columns all or not at all, so that the first one's will do.
        starts = column_starts(layer, self._config)
        apart = [layer.depthwise | start for start in starts] or [layer.depthwise] * len(groups[1:])
        distance = Signal(LEFT_BITS + 1, reset_less=True)
        columns = [Signal(7, name=f"columns_{t}", reset_less=True) for t in groups]
        places = [Signal(LEFT_BITS + 1, name=f"places_{t}", reset_less=True) for t in groups]
        column_step = Signal(14, reset_less=True)
        place_steps = [Signal(LEFT_BITS + 1, name=f"place_step_{n}", reset_less=True) for n in (1, 2)]
        last_column = [Signal(7, name=f"last_column_{n}", reset_less=True) for n in (1, 2)]
        stride_rows, row_step = Signal(ADDRESS_BITS, reset_less=True), Signal(ADDRESS_BITS, reset_less=True)
        parts = [Signal(ADDRESS_BITS, name=f"rows_{n}", reset_less=True) for n in range(2)]
        rows = [Mux(bit, layer.stride << n, 0) for n, bit in enumerate(layer.tap_rows)]
        whole = layer.kernel_columns
        m.d.sync += [
            distance.eq(_reach(Mux(layer.stride == 1, layer.dilation, 1))),
            columns[0].eq(whole),
            *(
                now.eq(Mux(own, _rest(last, layer.stride), last if starts else whole))
                for own, (last, now) in zip(apart, pairwise(columns), strict=True)
            ),
            places[0].eq(0),
            *(
                now.eq(Mux(own, _reach(last + distance), last if starts else 0))
                for own, (last, now) in zip(apart, pairwise(places), strict=True)
            ),
            place_steps[0].eq(_reach(places[-1] + distance)),
            place_steps[1].eq(_reach(place_steps[0] << 1)),
            column_step.eq(self._of_all(layer.stride)),
            last_column[0].eq(_rest(columns[-1], layer.stride)),
            last_column[1].eq(_rest(last_column[0], column_step)),
            *(part.eq(sum(rows[n::2])) for n, part in enumerate(parts)),
            stride_rows.eq(parts[0] + parts[1]),
            row_step.eq(self._of_all(stride_rows)),
        ]

        # The event under way, as its next taps; whether these are its last ones is known beforehand.
        now = Signal(event(self._config), reset_less=True)
        valid, last = Signal(), Signal(reset_less=True)
        near, giving, ending, loading = Signal(), Signal(), Signal(), Signal()
        marked, drained = Signal(), Signal()
        m.d.comb += [
            giving.eq(valid & near),
            ending.eq(~valid | (near & last)),
            marked.eq(self.i.valid & i.mark & drained),
            loading.eq(self.i.valid & ~i.mark & ending),
            self.i.ready.eq(Mux(i.mark, drained, ending)),
        ]
        with m.If(loading):
            m.d.sync += [now.eq(i), last.eq((i.tap >= last_column[0]) | (i.left < place_steps[0]))]
        with m.Elif(giving):
            m.d.sync += [
                now.tap.eq(now.tap + column_step),
                now.left.eq(now.left - place_steps[0]),
                now.weight.eq(now.weight + row_step),
                now.pixel.eq(now.pixel - place_steps[0]),
                last.eq((now.tap >= last_column[1]) | (now.left < place_steps[1])),
            ]
        with m.If(ending):
            m.d.sync += valid.eq(loading)

        # How far the taps are from the drain's pixel, as it was a cycle ago: it moves by one at most. Whether
        # it did is a register, since many accumulators hang on the pixel itself.
        before, moved = Signal(PIXEL_BITS), Signal()
        within, just = Signal(reset_less=True), Signal(reset_less=True)
        loaded, stepped, held = (
            (pixel - self.pixel)[:PIXEL_BITS] for pixel in (i.pixel, now.pixel - place_steps[0], now.pixel)
        )
        m.d.sync += [
            before.eq(self.pixel),
            moved.eq(self.release),
            within.eq(Mux(loading, loaded < SLOTS, Mux(giving, stepped < SLOTS, held < SLOTS))),
            just.eq(Mux(loading, loaded == SLOTS, Mux(giving, stepped == SLOTS, held == SLOTS))),
        ]
        m.d.comb += [
            near.eq(within | (just & moved)),
            drained.eq(~(i.complete - before)[PIXEL_BITS - 1]),
        ]

        # A mark holds once the event before it is through.
        complete, reached = Signal(PIXEL_BITS), Signal(PIXEL_BITS)
        m.d.comb += reached.eq(Mux(marked, i.complete, complete))
        m.d.sync += complete.eq(reached)
        with m.If(ending):
            m.d.sync += self.o.complete.eq(reached)

        inside = Cat((now.tap < columns[t]) & (now.left >= places[t]) for t in groups[1:])
        m.d.sync += [
            self.o.enable.eq(Mux(giving, Cat(Const(1, 1), inside), 0)),
            self.o.row.eq(now.weight),
            self.o.values.eq(now.values),
            *(self.o.pixels[t].eq(now.pixel - places[t]) for t in groups),
            self.o.count.eq(now.count),
            self.o.final.eq(now.final),
        ]
        with m.If(self.start):
            m.d.sync += [valid.eq(0), complete.eq(0), self.o.complete.eq(0), self.o.enable.eq(0)]
            m.d.sync += before.eq(0)
        m.d.sync += [
            Assert(~loading | (i.tap < layer.kernel_columns), "a tap beside the kernel"),
            Assert(~marked | ((i.complete - complete)[:PIXEL_BITS] <= MARK_STEP), "a mark back, or too far"),
        ]
        return m

    def _of_all(self, value: Value) -> Value:
        """A value times the kernel columns that are side by side."""
        layer, config = self.layer, self._config
        plain = Array(value << n for n in range(column_bits(config) + 1))[layer.side_log2]
        return Mux(layer.depthwise, value << column_bits(config), plain if config.banks > 1 else value)
