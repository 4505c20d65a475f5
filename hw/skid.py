"""Two registers between a producer and a consumer that is late to say whether it takes."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Skid(wiring.Component):
    """A queue of two payloads whose ``ready`` does not hang on the consumer's. The consumer's steers one
    register, which says in the next cycle whose turn it is: payloads take what comes until they are full, and
    take turns.

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
        filled, given = Signal(), Signal()  # which one is filled next, which one was given
        before, gone = Signal(2), Signal()  # which were full before the last one left, and whether it did
        some, more = Signal(), Signal()  # whether one is inside if the last one did not leave, if it did
        come = self.i.valid & self.i.ready
        turn = given ^ gone
        full = before & ~(gone << given)
        valid = Mux(gone, more, some)
        m.d.comb += [
            self.i.ready.eq(~full.all()),
            self.o.p.eq(Mux(turn, payloads[1], payloads[0])),
            self.o.valid.eq(valid),
            self.busy.eq(valid),
            Assert(valid == full.any(), "one is inside or none"),
            Assert(~valid | full.bit_select(turn, 1), "the other one's turn"),
            Assert((filled == turn) == (full.all() | ~full.any()), "they do not take turns"),
        ]
        m.d.sync += [
            given.eq(turn),
            before.eq(full | come << filled),
            filled.eq(filled ^ come),
            gone.eq(self.o.valid & self.o.ready),
            some.eq(come | full.any()),
            more.eq(come | full.all()),
        ]
        for n, payload in enumerate(payloads):
            with m.If(~full[n]):
                m.d.sync += payload.eq(self.i.p)
        return m
