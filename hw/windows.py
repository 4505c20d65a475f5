"""Layers that compute on codes instead of events: maximum, sum of two tensors, concatenation."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Op

from .concatenation import Concatenation
from .max_pool import MaxPool
from .payloads import KERNEL_ROWS, PLACE, sum_word, table_word
from .residual_add import ResidualAdd
from .signatures import LayerSignature
from .window_reader import WindowReader, window_word
from .window_walker import WindowWalker


class Windows(wiring.Component):
    """For each row the words of all its pixels: codes of a POOL or CONCAT layer, sums of an ADD.

    They come pixel by pixel, the words of each one behind the other. They cannot wait, but each of them is
    promised before. A POOL's window without a pixel inside the image gives words of ``out_zero_point``.

    Throughput: one word read a cycle that ``read_grant`` allows (see :class:`WindowReader`), while there is
    room, without a gap between pixels or rows; for an ADD one in ``config.add_cycles`` cycles, two an
    output word. Latency: ``READ_LATENCY`` cycles from a row to its first read; ``CODE_LATENCY`` or
    :meth:`add_latency` from the read of an output word's last input to it.

    The adder is lent to a ``fused`` MAC layer.

    Ports:
        layer: Constant from two cycles before the first row until the last word has come.
        rows: Output rows to compute.
        busy: High from the cycle after a row was taken until its last word was promised.
        read_address, read_en, read_grant, read_data: Reads CODES; the data is taken two cycles after one in
            which ``read_en`` and ``read_grant`` are high.
        next_room: In the next cycle there is room: a word may be promised, without it nothing is read.
        promised, place: Pulse: a word will come, and that is its place.
        code_valid, code: Words of a POOL or CONCAT layer.
        operand_next, operand: Words for the adder, of a ``fused`` layer (see :class:`~.fused_add.FusedAdd`).
        sum_valid, sum: What the adder gives, of either.
    """

    READ_LATENCY = WindowWalker.LATENCY + WindowReader.READ_LATENCY
    CODE_LATENCY = WindowReader.LATENCY + MaxPool.LATENCY + 1

    busy: Signal
    read_address: Signal
    read_en: Signal
    read_grant: Signal
    code_valid: Signal
    operand_next: Signal
    promised: Signal
    next_room: Signal
    sum_valid: Signal
    rows: stream.Interface

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
                "next_room": In(1),
                "promised": Out(1),
                "place": Out(PLACE),
                "code_valid": Out(1),
                "code": Out(table_word(config)),
                "operand_next": In(1),
                "operand": In(window_word(config)),
                "sum_valid": Out(1),
                "sum": Out(sum_word(config)),
            }
        )

    @staticmethod
    def add_latency(config: ArrayConfig) -> int:
        """Cycles from the read of a sum's second operand to the sum."""
        return WindowReader.LATENCY + ResidualAdd.latency(config)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        m.submodules.walker = walker = WindowWalker()
        m.submodules.reader = reader = WindowReader(config)
        m.submodules.max_pool = max_pool = MaxPool(config)
        m.submodules.concatenation = concatenation = Concatenation(config)
        m.submodules.adder = adder = ResidualAdd(config)
        for part in (walker, reader, concatenation, adder):
            wiring.connect(m, wiring.flipped(self.layer), part.layer)
        wiring.connect(m, wiring.flipped(self.rows), walker.i)
        wiring.connect(m, walker.o, reader.i)

        # An ADD's reads keep as far apart as the adder needs its words.
        adding, joining = Signal(), Signal()
        read = Signal(config.add_cycles - 1)  # by how many cycles ago
        paced = ~read.any()
        m.d.sync += [
            # In a register: all that the adder keeps of a word hangs on it.
            adder.valid.eq(Mux(layer.fused, self.operand_next, reader.next_valid & adding)),
            adding.eq(layer.op == Op.ADD),
            joining.eq(layer.op == Op.CONCAT),
            read.eq(Cat(self.read_en & self.read_grant & adding, read)),
        ]
        m.d.comb += [
            self.read_address.eq(reader.read_address),
            self.read_en.eq(reader.read_en & paced),
            reader.read_grant.eq(self.read_grant & paced),
            reader.read_data.eq(self.read_data),
            reader.next_room.eq(self.next_room),
            self.promised.eq(reader.promised),
            self.place.eq(reader.place),
            max_pool.i.eq(reader.o),
            max_pool.valid.eq(reader.valid),
            concatenation.i.eq(reader.o),
            concatenation.valid.eq(reader.valid),
            adder.i.eq(Mux(layer.fused, self.operand, reader.o)),
            self.sum_valid.eq(adder.done),
            self.sum.eq(adder.o),
            self.busy.eq(walker.busy | reader.busy),
        ]

        # The words that the codes go into.
        assert MaxPool.LATENCY == Concatenation.LATENCY
        word, there = reader.o.word, reader.valid & reader.o.ready & ~adding
        for stage in range(MaxPool.LATENCY):
            kept = Signal(table_word(config), name=f"word_{stage}", reset_less=True)
            present = Signal(name=f"there_{stage}")
            m.d.sync += [kept.eq(word), present.eq(there)]
            word, there = kept, present
        m.d.sync += [
            self.code.eq(word),
            self.code.codes.eq(Mux(joining, concatenation.o, max_pool.o)),
            self.code_valid.eq(there),
        ]
        return m
