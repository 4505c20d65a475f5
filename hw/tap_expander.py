"""From an event to its taps: the kernel columns that meet it, each with the output pixel it belongs to."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, SLOTS, ArrayConfig

from .payloads import PIXEL_BITS, event
from .signatures import LayerSignature

MARK_STEP = (1 << PIXEL_BITS) // 2 - 1
"""Pixels that one mark may complete at most."""


def taps(config: ArrayConfig) -> data.StructLayout:
    """What a bank does in a cycle: lane t * group + s multiplies ``values[s]`` for lane group t's pixel."""
    return data.StructLayout(
        {
            "enable": config.taps,  # the lane groups that multiply; all or none but in a depthwise layer
            "row": ADDRESS_BITS,  # WEIGHTS row
            "values": data.ArrayLayout(signed(9), config.group),
            "pixels": data.ArrayLayout(PIXEL_BITS, config.taps),  # number of each lane group's output pixel
            "count": range(config.group + 1),  # as the event's
            "final": 1,  # as the event's
            "complete": PIXEL_BITS,  # with these taps the sums of all pixels before this one are complete
        }
    )


def times(value: Value, factor: int) -> Value:
    """A multiple without a multiplier."""
    shifts = [value << bit for bit in range(factor.bit_length()) if factor >> bit & 1]
    return sum(shifts[1:], shifts[0]) if shifts else value & 0


class TapExpander(wiring.Component):
    """Gives the taps of each event one after the other: kernel column ``tap``, then a stride further each
    time for a pixel further to the left, while there is such a column and the pixel lies in the strip. In
    a depthwise layer the lane groups of a bank take one tap each in the same cycle.

    A tap is given only if its pixel is one of the ``SLOTS`` from ``pixel`` on, so that no accumulator is used
    anew before it was drained. Marks are taken at once, behind the taps of the event before, but none that
    completes pixels ``MARK_STEP`` + 1 or more from ``pixel`` on: pixel numbers stay unambiguous.

    Latency ``LATENCY`` cycles from an event to its first taps; throughput a tap a cycle without a gap from
    event to event (depthwise: ``config.taps`` a cycle). A mark costs a cycle only behind an event's last tap,
    as does an event left of the strip, which has no taps.

    Ports:
        start: Pulse before a layer: pixels count from 0.
        pixel: Number of the pixel to be drained next.
        o: The taps of this cycle; nothing can hold them up.
    """

    LATENCY = 2

    start: Signal
    pixel: Signal
    i: stream.Interface
    o: data.View[data.StructLayout]

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "pixel": In(PIXEL_BITS),
                "i": In(stream.Signature(event(config))),
                "o": Out(taps(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, i = self.layer, self.i.p
        groups = range(self._config.taps)

        # Constants of the layer: how far lane group t is from the first, and the next taps from these.
        distance = Signal(6, reset_less=True)
        columns = [Signal(signed(16), name=f"columns_{t}", reset_less=True) for t in groups]
        places = [Signal(14, name=f"places_{t}", reset_less=True) for t in groups]
        column_step, place_step = Signal(14, reset_less=True), Signal(14, reset_less=True)
        stride_rows, row_step = Signal(ADDRESS_BITS, reset_less=True), Signal(ADDRESS_BITS, reset_less=True)
        last_column = [Signal(signed(16), name=f"last_column_{n}", reset_less=True) for n in range(2)]
        m.d.sync += [
            distance.eq(Mux(layer.stride == 1, layer.dilation, 1)),
            *(columns[t].eq(layer.kernel_columns - self._spread(layer.stride, t, 0)) for t in groups),
            *(places[t].eq(self._spread(distance, t, 0)) for t in groups),
            column_step.eq(self._spread(layer.stride, len(groups), layer.stride)),
            place_step.eq(self._spread(distance, len(groups), distance)),
            stride_rows.eq(sum(Mux(bit, layer.stride << n, 0) for n, bit in enumerate(layer.tap_rows))),
            row_step.eq(self._spread(stride_rows, len(groups), stride_rows)),
            last_column[0].eq(layer.kernel_columns - column_step),
            last_column[1].eq(last_column[0] - column_step),
        ]

        # The event under way, as its next taps; whether these are its last ones is known beforehand.
        now = Signal(event(self._config), reset_less=True)
        number = Signal(PIXEL_BITS, reset_less=True)
        valid, last = Signal(), Signal(reset_less=True)
        near, giving, ending, loading = Signal(), Signal(), Signal(), Signal()
        marked, drained = Signal(), Signal()
        m.d.comb += [
            near.eq((number - self.pixel)[SLOTS.bit_length() - 1 : PIXEL_BITS] == 0),
            giving.eq(valid & near),
            ending.eq(~valid | (near & last)),
            drained.eq(~(i.complete - self.pixel)[PIXEL_BITS - 1]),
            marked.eq(self.i.valid & i.mark & drained),
            loading.eq(self.i.valid & ~i.mark & (i.place >= 0) & ending),
            self.i.ready.eq(Mux(i.mark, drained, ending | (i.place < 0))),
        ]
        with m.If(loading):
            m.d.sync += [
                now.eq(i),
                number.eq(i.first + i.place),
                last.eq((i.tap >= last_column[0]) | (i.place < place_step)),
            ]
        with m.Elif(giving):
            m.d.sync += [
                now.tap.eq(now.tap + column_step),
                now.place.eq(now.place - place_step),
                now.weight.eq(now.weight + row_step),
                number.eq(number - place_step),
                last.eq((now.tap >= last_column[1]) | (now.place < place_step << 1)),
            ]
        with m.If(ending):
            m.d.sync += valid.eq(loading)

        # A mark holds once the event before it is through.
        complete, reached = Signal(PIXEL_BITS), Signal(PIXEL_BITS)
        m.d.comb += reached.eq(Mux(marked, i.complete, complete))
        m.d.sync += complete.eq(reached)
        with m.If(ending):
            m.d.sync += self.o.complete.eq(reached)

        inside = Cat((now.tap < columns[t]) & (now.place >= places[t]) for t in groups)
        m.d.sync += [
            self.o.enable.eq(Mux(giving, inside, 0)),
            self.o.row.eq(now.weight),
            self.o.values.eq(now.values),
            *(self.o.pixels[t].eq(number - places[t]) for t in groups),
            self.o.count.eq(now.count),
            self.o.final.eq(now.final),
        ]
        with m.If(self.start):
            m.d.sync += [valid.eq(0), complete.eq(0), self.o.complete.eq(0), self.o.enable.eq(0)]
        m.d.sync += [
            Assert(~loading | (i.tap < layer.kernel_columns), "a tap beside the kernel"),
            Assert(~marked | ((i.complete - complete)[:PIXEL_BITS] <= MARK_STEP), "a mark back, or too far"),
        ]
        return m

    def _spread(self, value: Value, factor: int, otherwise: Value | int) -> Value:
        """A multiple of ``value`` in a depthwise layer, where lane groups have different taps."""
        return Mux(self.layer.depthwise, times(value, factor), otherwise)
