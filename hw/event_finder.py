"""From a layer's geometry and the change masks to a stream of events for each bank."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS, ArrayConfig
from stillframe.contract.layer import Op

from .column_walker import ColumnWalker
from .event_router import EventRouter
from .event_scanner import EventScanner
from .payloads import KERNEL_ROWS, STRIP, event
from .row_finder import RowFinder
from .signatures import LayerSignature


class EventFinder(wiring.Component):
    """Row finder, walker, a scanner for each group of elements, router, one behind the other.

    Only the rows of a MAC layer are walked; those of other layers are given as they are. Each request goes to
    all scanners at once, and each bank gets the events of its class: the banks b with the same
    b % (1 << ``share_log2``) get the same ones.

    Throughput: a request a cycle, and for each class an event a cycle, if the walker finds so many: scanners
    and banks may be some words and events apart.
    Latency: ``EventScanner.LATENCY + EventRouter.LATENCY`` cycles from a request to its first event.

    Ports:
        start, busy: As of the row finder; busy until the last request has been taken, or the last row. Events
            may follow, marks too: the last mark says that all pixels are complete.
        flag_en, flag_row, flag: Writes a row flag, as of the row finder.
        mask_en, mask_address, mask_bits: Writes a mask word, for each group its bits, by 8 of them.
        event_en, event_address, event_values: Writes a word of event values, in the order of its elements, a
            cycle later.
        rows: The output rows of a layer that is no MAC layer.
        strips: What is to be drained of a MAC layer.
        events: The events of a MAC layer, for each bank.
    """

    layer: wiring.PureInterface
    start: Signal
    busy: Signal
    flag_en: Signal
    flag_row: Signal
    flag: Signal
    mask_en: Signal
    mask_address: Signal
    mask_bits: data.View[data.ArrayLayout]
    event_en: Signal
    event_address: Signal
    event_values: data.View[data.ArrayLayout]
    rows: stream.Interface
    strips: stream.Interface
    events: list[stream.Interface]

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "busy": Out(1),
                "flag_en": In(1),
                "flag_row": In(14),
                "flag": In(1),
                "mask_en": In(config.group),
                "mask_address": In(ADDRESS_BITS),
                "mask_bits": In(data.ArrayLayout(MASK_COLUMNS * config.group, config.banks)),
                "event_en": In(1),
                "event_address": In(ADDRESS_BITS),
                "event_values": In(data.ArrayLayout(signed(9), config.drain)),
                "rows": Out(stream.Signature(KERNEL_ROWS)),
                "strips": Out(stream.Signature(STRIP)),
                "events": Out(stream.Signature(event(config))).array(config.banks),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, groups = self._config, range(self._config.banks)
        m.submodules.finder = finder = RowFinder(config)
        m.submodules.walker = walker = ColumnWalker(config)
        m.submodules.router = router = EventRouter(config)
        scanners = [EventScanner(config, group) for group in groups]
        for interface in (finder.layer, walker.layer, router.layer, *(s.layer for s in scanners)):
            wiring.connect(m, wiring.flipped(self.layer), interface)

        multiplying = Signal()
        m.d.sync += multiplying.eq(self.layer.op == Op.MAC)
        m.d.comb += [
            finder.start.eq(self.start),
            walker.start.eq(self.start),
            self.busy.eq(finder.busy | walker.busy),
            finder.flag_en.eq(self.flag_en),
            finder.flag_row.eq(self.flag_row),
            finder.flag.eq(self.flag),
            walker.i.p.eq(finder.o.p),
            walker.i.valid.eq(finder.o.valid & multiplying),
            self.rows.p.eq(finder.o.p),
            self.rows.valid.eq(finder.o.valid & ~multiplying),
            finder.o.ready.eq(Mux(multiplying, walker.i.ready, self.rows.ready)),
        ]
        wiring.connect(m, walker.strips, wiring.flipped(self.strips))

        # All are ready, or none is given a request: a register like each one's, and another half-way from
        # each one. Much hangs on it in the walker, so that has one for itself. They begin with different
        # values, since of equal registers Yosys makes one; there is no request yet then.
        soon, ready, walker_ready = Signal(len(scanners)), Signal(), Signal(init=1)
        m.d.sync += [
            soon.eq(Cat(scanner.soon_ready for scanner in scanners)),
            ready.eq(soon.all()),
            walker_ready.eq(soon.all()),
            Assert(~walker.o.valid | (walker_ready == ready), "walker and scanners disagree"),
        ]
        m.d.comb += walker.o.ready.eq(walker_ready)
        for group, scanner in enumerate(scanners):
            m.submodules[f"scanner_{group}"] = scanner
            wiring.connect(m, scanner.o, router.i[group])
            wiring.connect(m, router.o[group], wiring.flipped(self.events[group]))
            m.d.comb += [
                scanner.i.p.eq(walker.o.p),
                scanner.i.valid.eq(walker.o.valid & ready),
                Assert(~ready | scanner.i.ready, "a request to a scanner that is not ready"),
                scanner.mask_en.eq(self.mask_en),
                scanner.mask_address.eq(self.mask_address),
                scanner.mask_bits.eq(self.mask_bits[group]),
            ]
            # A register on the long way from the encoder's lanes to the scanners' memories.
            m.d.sync += [
                scanner.event_en.eq(self.event_en),
                scanner.event_address.eq(self.event_address),
                *(
                    scanner.event_values[place].eq(self.event_values[place * config.banks + group])
                    for place in range(config.group)
                ),
            ]
        return m
