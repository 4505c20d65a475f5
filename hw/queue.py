"""A first-in first-out queue with stream interfaces."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal, Value
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from .skid import Skid


class Queue(wiring.Component):
    """``depth`` payloads of ``shape``. Latency ``LATENCY`` cycles when empty, throughput one a cycle.

    Its ready does not depend on the consumer's in the same cycle, so it also cuts a chain of them in two. The
    first ones are in a :class:`~.skid.Skid`: the consumer's ready steers a few registers there, wherever the
    memory lies. A depth of 17 fills LUT RAM of 16 rows, for one payload at least is in the skid when that is
    full; there may be two.

    Ports:
        busy: A payload is inside.
        room: A register: a cycle ago ``margin`` more payloads fitted. It lets a pipeline start what will
            arrive some cycles later, so that the pipeline need not stall.
    """

    LATENCY = 2

    busy: Signal
    room: Signal
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
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        payload = self.i.p.as_value() if hasattr(self.i.p, "as_value") else self.i.p
        m.submodules.fifo = queue = fifo.SyncFIFO(width=len(payload), depth=self._depth - 1)
        m.submodules.head = head = Skid(self._shape)
        wiring.connect(m, head.o, wiring.flipped(self.o))
        level = queue.level + head.level
        m.d.comb += [
            queue.w_data.eq(payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            Value.cast(head.i.p).eq(queue.r_data),
            head.i.valid.eq(queue.r_rdy),
            queue.r_en.eq(head.i.ready),
            self.busy.eq(level != 0),
        ]
        m.d.sync += self.room.eq(level <= self._depth - self._margin)
        return m
