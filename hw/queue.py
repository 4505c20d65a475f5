"""A first-in first-out queue with stream interfaces."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out


class Queue(wiring.Component):
    """``depth`` payloads of ``shape``. Latency ``LATENCY`` cycles when empty, throughput one a cycle.

    Its ready does not depend on the consumer's in the same cycle, so it also cuts a chain of them in two.
    A depth of 17 fills LUT RAM of 16 rows, for one payload is in the output register.

    Ports:
        busy: A payload is inside.
        room: A register: a cycle ago ``margin`` more payloads fitted. It lets a pipeline start what will
            arrive some cycles later, so that the pipeline need not stall.
        next_room: What ``room`` is in the next cycle.
    """

    LATENCY = 2

    busy: Signal
    room: Signal
    next_room: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: ShapeLike, depth: int, margin: int = 1) -> None:
        self._shape = shape
        self._depth = depth
        self._margin = margin
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "busy": Out(1),
                "room": Out(1),
                "next_room": Out(1, init=1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        payload = self.i.p.as_value() if hasattr(self.i.p, "as_value") else self.i.p
        m.submodules.fifo = queue = fifo.SyncFIFOBuffered(width=len(payload), depth=self._depth)
        m.d.comb += [
            queue.w_data.eq(payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            self.o.p.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
            self.busy.eq(queue.level != 0),
            self.next_room.eq(queue.level <= self._depth - self._margin),
        ]
        m.d.sync += self.room.eq(self.next_room)
        return m
