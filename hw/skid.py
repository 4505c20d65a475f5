"""Two registers between a producer and a consumer that is late to say whether it takes."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Skid(wiring.Component):
    """A queue of two payloads whose ``ready`` is a register: nothing before it hangs on the consumer.

    Latency 1 cycle, throughput one a cycle.

    Ports:
        busy: A payload is inside.
    """

    LATENCY = 1

    busy: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: ShapeLike) -> None:
        self._shape = shape
        super().__init__(
            {"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)), "busy": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        second, waits = Signal(self._shape, reset_less=True), Signal()
        m.d.comb += [self.i.ready.eq(~waits), self.busy.eq(self.o.valid)]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid | waits), waits.eq(0)]
            with m.If(waits):
                m.d.sync += self.o.p.eq(second)
            with m.Else():
                m.d.sync += self.o.p.eq(self.i.p)
        with m.Elif(self.i.valid):
            m.d.sync += waits.eq(1)
        with m.If(~waits):
            m.d.sync += second.eq(self.i.p)
        m.d.comb += Assert(~waits | self.o.valid, "the second one waits behind none")
        return m
