"""Two registers between a producer and a consumer that is late to say whether it takes."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Skid(wiring.Component):
    """A queue of two payloads whose ``ready`` does not hang on the consumer's. The consumer's steers three
    registers, and not the payloads': they take what comes until they are full, and take turns.

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
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(filled, 1)),
            self.o.valid.eq(full.bit_select(given, 1)),
            self.o.p.eq(Mux(given, payloads[1], payloads[0])),
            self.busy.eq(full.any()),
            Assert(self.o.valid == full.any(), "another one's turn"),
            Assert((filled == given) == (full.all() | ~full.any()), "they do not take turns"),
        ]
        for n, payload in enumerate(payloads):
            with m.If(~full[n]):
                m.d.sync += payload.eq(self.i.p)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [full.bit_select(filled, 1).eq(1), filled.eq(~filled)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [full.bit_select(given, 1).eq(0), given.eq(~given)]
        return m
