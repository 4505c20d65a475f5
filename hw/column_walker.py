"""Walks the columns under each output row, as mask words to look at."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .column_blocks import LOOK, ColumnBlocks
from .layer_products import LayerProducts
from .payloads import KERNEL_ROWS, REQUEST, STRIP
from .queue import Queue
from .request_walker import RequestWalker
from .signatures import LayerSignature
from .skid import Skid
from .strip_range import StripRange
from .strip_walker import StripWalker

QUEUE_DEPTH = 8
"""Looks that may wait for the requests of those before: they hide the cycles in which a strip begins."""


class ColumnWalker(wiring.Component):
    """Turns the kernel rows of output rows into requests for mask words, visiting each input column once in a
    pass, and into strips for the drain. Row by row, pass by pass and strip by strip: the strip's columns in
    blocks; in a block, look by look (:class:`~.column_blocks.ColumnBlocks`); of a look, each live kernel row
    downwards; in it, each channel word.

    The last request of a block has ``end`` set if pixels are complete with it. If a strip has no live kernel
    row or lies beside the image there are requests without columns, which only say that.

    Throughput: a request a cycle, from block to block and from row to row, as long as looks come as fast: a
    look takes a cycle at least, a strip 2 cycles more, a strip and a row 7 at least. From a row that is taken
    to its first request it takes ``LATENCY`` cycles, or 6 and one for each kernel row above the first live
    one.

    Ports:
        start: Pulse before a layer, which is constant from then on while ``busy`` or a row is offered: pixels
            count from 0. A row is taken 9 cycles after it at the latest.
        busy: High from the cycle after a row was taken until its last request was.
        strips: For the drain, each before its first request.
    """

    LATENCY = 17

    start: Signal
    busy: Signal
    i: stream.Interface
    strips: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "busy": Out(1),
                "i": In(stream.Signature(KERNEL_ROWS)),
                "strips": Out(stream.Signature(STRIP)),
                "o": Out(stream.Signature(REQUEST)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.products = products = LayerProducts()
        m.submodules.rows = rows = StripWalker()
        m.submodules.range = found = StripRange()
        m.submodules.blocks = blocks = ColumnBlocks()
        m.submodules.looks = looks = Queue(LOOK, QUEUE_DEPTH)
        m.submodules.next_look = next_look = Skid(LOOK)
        m.submodules.requests = requests = RequestWalker(late=self._config.banks > 1)
        for part in (products, rows, found, blocks, requests):
            wiring.connect(m, wiring.flipped(self.layer), part.layer)
        wiring.connect(m, rows.strips, wiring.flipped(self.strips))
        wiring.connect(m, rows.passes, requests.passes)
        wiring.connect(m, rows.columns, found.i)
        wiring.connect(m, found.o, blocks.i)
        wiring.connect(m, blocks.o, looks.i)
        wiring.connect(m, looks.o, next_look.i)
        wiring.connect(m, next_look.o, requests.looks)
        wiring.connect(m, requests.o, wiring.flipped(self.o))
        started = Signal()  # the start comes late in the cycle and steers many
        m.d.sync += started.eq(self.start)
        m.d.comb += [
            products.start.eq(started),
            rows.start.eq(started),
            rows.pass_offset.eq(products.pass_offset),
            rows.pass_mask.eq(products.pass_mask),
            rows.strip_columns.eq(products.strip_columns),
            rows.row_columns.eq(products.row_columns),
            rows.i.p.eq(self.i.p),
            rows.i.valid.eq(self.i.valid & products.valid & ~started),
            self.i.ready.eq(rows.i.ready & products.valid & ~started),
            self.busy.eq(rows.busy | requests.busy),
        ]
        return m
