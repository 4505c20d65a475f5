"""The array: all banks, each with the events of its own, and what they show the drain."""

from __future__ import annotations

from functools import reduce
from operator import add

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig

from .mac_bank import COLUMN_LANES, MacBank
from .payloads import ACCUMULATOR, PIXEL_BITS, event
from .side_columns import column_starts
from .signatures import LayerSignature
from .tap_expander import TapExpander, taps


class MacArray(wiring.Component):
    """``banks`` banks of ``lanes`` lanes. Each works off the taps of its events, one a cycle or as many as
    there are columns side by side, unless their pixel is too far from the drain's
    (:class:`~.tap_expander.TapExpander`).

    ``complete``, ``touched`` and ``touches`` belong to ``pixel``, in the same cycle, ``acc`` a cycle later;
    without ``complete`` the others say nothing. A mark taken with no taps before it makes its pixels complete
    ``LATENCY`` cycles later; so does one taken in the cycle behind an event with one tap.

    Ports:
        start: Pulse before a layer.
        i: The events of each bank.
        pixel: Number of the pixel that is drained next: 0 at the start, one more behind each ``release``.
        complete: The sums of that pixel are complete in all banks in the next cycle.
        touched: Some bank has taken a tap for it; touches: each lane group of each bank.
        acc: A cycle later, its sums, by bank and lane; of lane groups that are not touched anything.
        release: Pulse: it is drained.
        events: Convolution: taps taken, of each event in one bank of its class; depthwise: values that are
            not 0 times their taps. Of all banks, ``COUNT_LATENCY`` cycles after they were given to the lanes
            or, with one bank, a cycle sooner.
        macs: The multiplications these stand for, likewise: ``pass_macs`` or ``last_macs`` a tap;
            depthwise: as many as ``events``.
        write_en, write_column, write_row, write_data: Host writes to the weights (column: four lanes).
    """

    LATENCY = TapExpander.LATENCY + MacBank.LATENCY - 2
    COUNT_LATENCY = 3

    start: Signal
    pixel: Signal
    complete: Signal
    touched: Signal
    release: Signal
    events: Signal
    macs: Signal
    write_en: Signal
    write_column: Signal
    write_row: Signal
    write_data: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "i": In(stream.Signature(event(config))).array(config.banks),
                "pixel": In(PIXEL_BITS),
                "complete": Out(1),
                "touched": Out(1),
                "touches": Out(data.ArrayLayout(config.taps, config.banks)),
                "acc": Out(data.ArrayLayout(ACCUMULATOR, config.total_lanes)),
                "release": In(1),
                "events": Out(range(config.total_lanes + 1)),
                "macs": Out(range(config.total_lanes + 1)),
                "write_en": In(1),
                "write_column": In(7),
                "write_row": In(ADDRESS_BITS),
                "write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        complete, touched = Signal(config.banks), Signal(config.banks)
        coming: list[data.View[data.ArrayLayout]] = []
        macs = []
        counts = []
        # Banks lie apart: their expanders look at a pixel of a cycle ago.
        pixel, released = Signal(PIXEL_BITS, reset_less=True), Signal()
        m.d.sync += [pixel.eq(self.pixel), released.eq(self.release)]
        starts = Signal(len(column_starts(layer, config)))
        m.d.sync += starts.eq(Cat(column_starts(layer, config)))
        for b in range(config.banks):
            m.submodules[f"expander_{b}"] = expander = TapExpander(config)
            m.submodules[f"bank_{b}"] = bank = MacBank(config, b)
            for name in self.layer.signature.members:
                m.d.comb += getattr(expander.layer, name).eq(getattr(layer, name))
            wiring.connect(m, wiring.flipped(self.i[b]), expander.i)
            m.d.comb += [
                expander.start.eq(self.start),
                expander.pixel.eq(pixel),
                expander.release.eq(released),
                bank.i.eq(expander.o),
                bank.start.eq(self.start),
                bank.pixel.eq(self.pixel),
                bank.release.eq(self.release),
                bank.write_row.eq(self.write_row),
                bank.write_data.eq(self.write_data),
                complete[b].eq(bank.complete),
                touched[b].eq(bank.touched),
                self.touches[b].eq(bank.touches),
            ]
            if config.banks > 1:
                coming.append(bank.coming)
            base = b * config.lanes // COLUMN_LANES
            for column in range(config.lanes // COLUMN_LANES):
                m.d.comb += bank.write_en[column].eq(self.write_en & (self.write_column == base + column))
            for lane in range(config.lanes):
                m.d.comb += self.acc[b * config.lanes + lane].eq(bank.acc[lane])

            # A class of banks has the same events: its first bank counts them. Columns side by side are more
            # to add up, a cycle later.
            given = expander.o
            if config.banks > 1:
                given = Signal(taps(config), name=f"given_{b}", reset_less=True)
                m.d.sync += given.eq(expander.o)
            first, *others = given.enable
            columns = [first, *(bit & start for bit, start in zip(others, starts, strict=False))]
            macs_each = Mux(given.final, layer.last_macs, layer.pass_macs)
            counting = Signal(name=f"counting_{b}", reset_less=True)
            count = Signal(range(config.lanes + 1), name=f"count_{b}", reset_less=True)
            each = Signal(8, name=f"each_{b}", reset_less=True)
            m.d.sync += [
                counting.eq(layer.depthwise | (layer.share_log2 >= b.bit_length())),
                count.eq(sum(Mux(bit, given.count, 0) for bit in given.enable)),
                each.eq(reduce(add, (Mux(bit, macs_each, 0) for bit in columns))),
            ]
            with m.If(~layer.depthwise):
                m.d.sync += count.eq(reduce(add, columns))
            counts.append(Mux(counting, count, 0))
            macs.append(Mux(layer.depthwise, count, Mux(counting, each, 0)))
        if config.banks > 1:
            # Banks lie apart and all of the drain hangs on this: registers of all instead of each one's. Its
            # decision comes late: between what holds with it and without it the next cycle chooses.
            kept, freed = (
                (
                    Signal(name=f"complete_{name}"),
                    Signal(name=f"touched_{name}", reset_less=True),
                )
                for name in ("kept", "freed")
            )
            for n, (all_complete, some_touched) in enumerate((kept, freed)):
                m.d.sync += [
                    all_complete.eq(Cat(one[n].complete for one in coming).all() & ~self.start),
                    some_touched.eq(Cat(one[n].touched for one in coming).any()),
                ]
            m.d.comb += [
                self.complete.eq(Mux(released, freed[0], kept[0])),
                self.touched.eq(Mux(released, freed[1], kept[1])),
            ]
            m.d.sync += [
                Assert(self.complete == complete.all(), "banks and array disagree"),
                Assert(~self.complete | (self.touched == touched.any()), "banks and array disagree"),
            ]
        else:
            m.d.comb += [self.complete.eq(complete.all()), self.touched.eq(touched.any())]
        m.d.sync += [self.events.eq(sum(counts)), self.macs.eq(sum(macs))]
        return m
