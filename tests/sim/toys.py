"""Small designs to try the simulation with."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

PAIR = data.StructLayout(
    {"left": signed(9), "flags": data.ArrayLayout(1, 3), "inner": data.StructLayout({"a": 4, "b": signed(5)})}
)


class Echo(wiring.Component):
    """Sends each byte, ``xor`` applied, a cycle later. The byte ``forbidden`` breaks an invariant."""

    rx: stream.Interface
    tx: stream.Interface

    def __init__(self, xor: int = 0, forbidden: int | None = None) -> None:
        self._xor = xor
        self._forbidden = forbidden
        super().__init__({"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = ~self.tx.valid | self.tx.ready
        m.d.comb += self.rx.ready.eq(advance)
        with m.If(advance):
            m.d.sync += [self.tx.valid.eq(self.rx.valid), self.tx.payload.eq(self.rx.payload ^ self._xor)]
        if self._forbidden is not None:
            m.d.comb += Assert(~self.rx.valid | (self.rx.payload != self._forbidden))
        return m


class Table(wiring.Component):
    """Sends the content of a memory at the address received and adds 1 to it. It starts with ``init``."""

    rx: stream.Interface
    tx: stream.Interface

    def __init__(self, init: list[int]) -> None:
        self._init = init
        super().__init__({"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=256, init=self._init)
        read, write = memory.read_port(domain="comb"), memory.write_port()
        m.d.comb += [
            read.addr.eq(self.rx.payload),
            write.addr.eq(self.rx.payload),
            write.data.eq(read.data + 1),
            write.en.eq(self.rx.valid & self.rx.ready),
            self.rx.ready.eq(~self.tx.valid | self.tx.ready),
        ]
        with m.If(self.rx.ready):
            m.d.sync += [self.tx.valid.eq(self.rx.valid), self.tx.payload.eq(read.data)]
        return m


class Swap(wiring.Component):
    """Negates ``left`` and swaps the parts of ``inner`` of a PAIR, modulo widths. Latency 1, throughput 1.

    ``fault`` "changes" lets a waiting payload change, "withdraws" lets it be withdrawn.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, fault: str = "") -> None:
        self._fault = fault
        super().__init__({"i": In(stream.Signature(PAIR)), "o": Out(stream.Signature(PAIR))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = ~self.o.valid | self.o.ready
        m.d.comb += self.i.ready.eq(advance)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(self.i.valid),
                self.o.p.left.eq(-self.i.p.left),
                self.o.p.flags.eq(self.i.p.flags),
                self.o.p.inner.a.eq(self.i.p.inner.b),
                self.o.p.inner.b.eq(self.i.p.inner.a),
            ]
        with m.Else():
            if self._fault == "changes":
                m.d.sync += self.o.p.left.eq(self.o.p.left + 1)
            if self._fault == "withdraws":
                m.d.sync += self.o.valid.eq(0)
        return m
