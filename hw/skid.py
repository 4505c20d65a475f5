"""Two registers between a producer and a consumer that is late to say whether it takes."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Skid(wiring.Component):
    """A queue of two payloads whose ``ready`` does not hang on the consumer's. The consumer's steers a few
    registers, and not the payloads': these take what comes until they are full, and take turns.

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
        payloads = [Signal(self._shape, name=f"payload_{n}", reset_less=True) for n in range(2)]
        full = Signal(2)
        filled, given = Signal(), Signal()  # which one is filled next, which one given
        come, go = self.i.valid & self.i.ready, self.o.valid & self.o.ready
        m.d.comb += [
            self.i.ready.eq(~full.all()),
            self.o.p.eq(Mux(given, payloads[1], payloads[0])),
            self.busy.eq(self.o.valid),
            Assert(self.o.valid == full.any(), "one is inside or none"),
            Assert(~self.o.valid | full.bit_select(given, 1), "the other one's turn"),
            Assert((filled == given) == (full.all() | ~full.any()), "they do not take turns"),
        ]
        for n, payload in enumerate(payloads):
            with m.If(~full[n]):
                m.d.sync += payload.eq(self.i.p)
        with m.If(come):
            m.d.sync += [full.bit_select(filled, 1).eq(1), filled.eq(~filled)]
        with m.If(go):
            m.d.sync += [full.bit_select(given, 1).eq(0), given.eq(~given)]
        m.d.sync += self.o.valid.eq(come | Mux(go, full.all(), self.o.valid))
        return m
