"""From a layer's geometry and the change masks to a stream of events."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_BITS, ArrayConfig
from stillframe.contract.layer import Op

from .event_scanner import EventScanner
from .mask_fetch import MaskFetch
from .patch_walker import PatchWalker
from .payloads import TAG, event
from .row_finder import RowFinder
from .signatures import LayerSignature


class EventFinder(wiring.Component):
    """Row finder, walker, mask fetch and scanner, one behind the other. Only a MAC layer gets events, the
    others tags alone.

    Each tag stands for one pass over one output pixel; in a MAC layer the events up to one with ``last``
    belong to it.
    Throughput: one event a cycle as long as the walker finds them (see :class:`PatchWalker`).

    Ports:
        start, busy: As of the row finder; busy until the last event word has left the fetch.
        flag_*, mask_*, event_*: Writes of row flags, masks and event values, as of the parts.
    """

    start: Signal
    busy: Signal
    events: stream.Interface
    tags: stream.Interface

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
                "mask_en": In(1),
                "mask_address": In(ADDRESS_BITS),
                "mask_bits": In(MASK_BITS),
                "event_en": In(1),
                "event_address": In(ADDRESS_BITS),
                "event_values": In(data.ArrayLayout(signed(9), config.drain)),
                "events": Out(stream.Signature(event(config))),
                "tags": Out(stream.Signature(TAG)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rows = rows = RowFinder(self._config)
        m.submodules.walker = walker = PatchWalker(self._config)
        m.submodules.fetch = fetch = MaskFetch(self._config)
        m.submodules.scanner = scanner = EventScanner(self._config)
        wiring.connect(m, wiring.flipped(self.layer), rows.layer)
        wiring.connect(m, wiring.flipped(self.layer), walker.layer)
        wiring.connect(m, wiring.flipped(self.layer), scanner.layer)
        wiring.connect(m, rows.o, walker.i)
        wiring.connect(m, walker.o, fetch.i)
        wiring.connect(m, fetch.words, scanner.i)
        wiring.connect(m, scanner.o, wiring.flipped(self.events))
        wiring.connect(m, fetch.tags, wiring.flipped(self.tags))
        m.d.comb += [
            rows.start.eq(self.start),
            rows.flag_en.eq(self.flag_en),
            rows.flag_row.eq(self.flag_row),
            rows.flag.eq(self.flag),
            fetch.everything.eq(self.layer.key | self.layer.evaluate_all | (self.layer.op == Op.CONCAT)),
            fetch.tags_only.eq(self.layer.op != Op.MAC),
            fetch.mask_en.eq(self.mask_en),
            fetch.mask_address.eq(self.mask_address),
            fetch.mask_bits.eq(self.mask_bits),
            scanner.event_en.eq(self.event_en),
            scanner.event_address.eq(self.event_address),
            scanner.event_values.eq(self.event_values),
            self.busy.eq(rows.busy | walker.busy | fetch.busy),
        ]
        return m
