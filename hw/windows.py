"""Layers that compute on codes instead of events: maximum, sum of two tensors, concatenation."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Op

from .concatenation import Concatenation
from .max_pool import MaxPool
from .payloads import TAG, sum_word, table_word
from .queue import Queue
from .residual_add import ResidualAdd
from .signatures import LayerSignature
from .window_reader import PLACES, WindowReader


class Windows(wiring.Component):
    """For each tag the words of an output pixel: ``codes`` of a POOL or CONCAT layer, ``sums`` of an ADD.

    Throughput: one word read a cycle that ``read_grant`` allows (see :class:`WindowReader`).
    Latency: ``POOL_LATENCY`` or ``ADD_LATENCY`` cycles from the read of an output word's last input to it; of
    a CONCAT ``POOL_LATENCY``, one more if the word is not full.
    """

    POOL_LATENCY = WindowReader.LATENCY + Queue.LATENCY
    ADD_LATENCY = POOL_LATENCY + ResidualAdd.LATENCY

    read_address: Signal
    read_en: Signal
    read_grant: Signal
    tags: stream.Interface
    codes: stream.Interface
    sums: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "tags": In(stream.Signature(TAG)),
                "read_address": Out(ADDRESS_BITS),
                "read_en": Out(1),
                "read_grant": In(1),
                "read_data": In(data.ArrayLayout(signed(8), config.drain)),
                "codes": Out(stream.Signature(table_word(config))),
                "sums": Out(stream.Signature(sum_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        m.submodules.reader = reader = WindowReader(config)
        m.submodules.max_pool = max_pool = MaxPool(config)
        m.submodules.concatenation = concatenation = Concatenation(config)
        m.submodules.adder = adder = ResidualAdd(config)
        m.submodules.code_queue = code_queue = Queue(table_word(config), PLACES)
        m.submodules.sum_queue = sum_queue = Queue(sum_word(config), PLACES)
        wiring.connect(m, wiring.flipped(self.layer), reader.layer)
        wiring.connect(m, wiring.flipped(self.layer), adder.layer)
        wiring.connect(m, wiring.flipped(self.tags), reader.tags)
        wiring.connect(m, code_queue.o, wiring.flipped(self.codes))
        wiring.connect(m, sum_queue.o, wiring.flipped(self.sums))
        m.d.comb += [
            self.read_address.eq(reader.read_address),
            self.read_en.eq(reader.read_en),
            reader.read_grant.eq(self.read_grant),
            reader.read_data.eq(self.read_data),
            reader.taken.eq((self.codes.valid & self.codes.ready) | (self.sums.valid & self.sums.ready)),
            reader.dropped.eq(concatenation.dropped),
            reader.extra.eq(concatenation.extra),
            sum_queue.i.p.eq(adder.o),
            sum_queue.i.valid.eq(adder.done),
        ]
        m.d.sync += [Assert(~queue.i.valid | queue.i.ready) for queue in (code_queue, sum_queue)]
        for reducer, op in ((max_pool, Op.POOL), (concatenation, Op.CONCAT), (adder, Op.ADD)):
            m.d.comb += [reducer.i.eq(reader.o), reducer.valid.eq(reader.valid & (layer.op == op))]
        with m.If(layer.op == Op.CONCAT):
            m.d.comb += [code_queue.i.p.eq(concatenation.o), code_queue.i.valid.eq(concatenation.done)]
        with m.Else():
            m.d.comb += [code_queue.i.p.eq(max_pool.o), code_queue.i.valid.eq(max_pool.done)]
        return m
