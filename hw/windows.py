"""Layers that compute on codes instead of events: maximum, sum of two tensors, concatenation."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Op

from .concatenation import Concatenation
from .max_pool import MaxPool
from .payloads import KERNEL_ROWS, placed, sum_word, table_word
from .queue import Queue
from .residual_add import ResidualAdd
from .signatures import LayerSignature
from .window_reader import WindowReader, window_word
from .window_walker import WINDOW, WindowWalker

WINDOWS = 4
"""Windows that may wait to be read. The queue keeps what the reader waits for out of the walker's logic."""

PLACES = 17
"""Output words that may wait."""

MARGIN = (WindowReader.LATENCY + ResidualAdd.LATENCY + 3) // 2
"""Output words that may be under way when reading has to stop: a sum for every two words read, from a read
until the queue tells that there is no room. The other layers give a word each cycle, but sooner."""


class Windows(wiring.Component):
    """For each row the words of all its pixels: ``codes`` of a POOL or CONCAT layer, ``sums`` of an ADD.

    They come pixel by pixel, the words of each one behind the other. A POOL's window without a pixel inside
    the image gives words of ``out_zero_point``.

    Throughput: one word read a cycle that ``read_grant`` allows (see :class:`WindowReader`), without a gap
    between pixels or rows; so an ADD takes 2 cycles an output word. Latency: ``READ_LATENCY`` cycles from a
    row to its first read; ``POOL_LATENCY``, ``CONCAT_LATENCY`` or ``ADD_LATENCY`` from the read of an output
    word's last input to it.

    The adder is lent to a ``fused`` MAC layer.

    Ports:
        layer: Constant from two cycles before the first row until ``busy`` falls.
        rows: Output rows to compute.
        busy: High from the cycle after a row was taken until its last word was.
        read_address, read_en, read_grant, read_data: Reads CODES; the data is taken two cycles after one in
            which ``read_en`` and ``read_grant`` are high.
        operand_valid, operand: Words for the adder, of a ``fused`` layer (see :class:`ResidualAdd`).
        sum_valid, sum: Its sums.
    """

    READ_LATENCY = WindowWalker.LATENCY + Queue.LATENCY + WindowReader.READ_LATENCY
    POOL_LATENCY = WindowReader.LATENCY + MaxPool.LATENCY + Queue.LATENCY
    CONCAT_LATENCY = WindowReader.LATENCY + Concatenation.LATENCY + Queue.LATENCY
    ADD_LATENCY = WindowReader.LATENCY + ResidualAdd.LATENCY + Queue.LATENCY

    busy: Signal
    read_address: Signal
    read_en: Signal
    read_grant: Signal
    operand_valid: Signal
    sum_valid: Signal
    rows: stream.Interface
    codes: stream.Interface
    sums: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "rows": In(stream.Signature(KERNEL_ROWS)),
                "busy": Out(1),
                "read_address": Out(ADDRESS_BITS),
                "read_en": Out(1),
                "read_grant": In(1),
                "read_data": In(data.ArrayLayout(signed(8), config.drain)),
                "codes": Out(stream.Signature(placed(table_word(config)))),
                "sums": Out(stream.Signature(placed(sum_word(config)))),
                "operand_valid": In(1),
                "operand": In(window_word(config)),
                "sum_valid": Out(1),
                "sum": Out(sum_word(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        m.submodules.walker = walker = WindowWalker()
        m.submodules.found = found = Queue(WINDOW, WINDOWS)
        m.submodules.reader = reader = WindowReader(config)
        m.submodules.max_pool = max_pool = MaxPool(config)
        m.submodules.concatenation = concatenation = Concatenation(config)
        m.submodules.adder = adder = ResidualAdd(config)
        m.submodules.code_queue = code_queue = Queue(placed(table_word(config)), PLACES, MARGIN)
        m.submodules.sum_queue = sum_queue = Queue(placed(sum_word(config)), PLACES, MARGIN)
        for part in (walker, reader, concatenation, adder):
            wiring.connect(m, wiring.flipped(self.layer), part.layer)
        wiring.connect(m, wiring.flipped(self.rows), walker.i)
        wiring.connect(m, walker.o, found.i)
        wiring.connect(m, found.o, reader.i)
        wiring.connect(m, code_queue.o, wiring.flipped(self.codes))
        wiring.connect(m, sum_queue.o, wiring.flipped(self.sums))
        parts = (walker, found, reader, max_pool, concatenation, adder, code_queue, sum_queue)
        m.d.comb += [
            self.read_address.eq(reader.read_address),
            self.read_en.eq(reader.read_en),
            reader.read_grant.eq(self.read_grant),
            reader.read_data.eq(self.read_data),
            reader.room.eq(code_queue.room & sum_queue.room),
            sum_queue.i.p.eq(adder.o),
            sum_queue.i.valid.eq(adder.done & ~layer.fused),
            self.sum_valid.eq(adder.done & layer.fused),
            self.sum.eq(adder.o.word),
            self.busy.eq(Cat(part.busy for part in parts).any()),
        ]
        m.d.sync += [Assert(~queue.i.valid | queue.i.ready) for queue in (code_queue, sum_queue)]
        for reducer, op in ((max_pool, Op.POOL), (concatenation, Op.CONCAT), (adder, Op.ADD)):
            m.d.comb += [reducer.i.eq(reader.o), reducer.valid.eq(reader.valid & (layer.op == op))]
        with m.If(layer.fused):
            m.d.comb += [adder.i.eq(self.operand), adder.valid.eq(self.operand_valid)]
        with m.If(layer.op == Op.CONCAT):
            m.d.comb += [code_queue.i.p.eq(concatenation.o), code_queue.i.valid.eq(concatenation.done)]
        with m.Else():
            m.d.comb += [code_queue.i.p.eq(max_pool.o), code_queue.i.valid.eq(max_pool.done)]
        return m
