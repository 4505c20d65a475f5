"""Credits: how many words may still enter a pipeline that cannot stall."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Credits(wiring.Component):
    """Counts the words in a pipeline whose end holds ``depth``, so that its stages need no backpressure.

    ``room`` is high while another word may ``enter``. Whether words enter and leave is known late in the
    cycle, so both count a cycle later, and room for one more word is kept in reserve. ``busy`` is high from
    the cycle after a word has entered until two cycles after the last one has left the end. ``next_room`` is
    ``room`` a cycle early, for registers that combine it with something else.
    """

    enter: Signal
    leave: Signal
    room: Signal
    next_room: Signal
    busy: Signal

    def __init__(self, depth: int) -> None:
        self._depth = depth
        super().__init__(
            {"enter": In(1), "leave": In(1), "room": Out(1), "next_room": Out(1), "busy": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inside, after = Signal(range(self._depth + 1)), Signal(range(self._depth + 2))
        entered, left = Signal(), Signal()
        m.d.comb += [
            after.eq(inside + entered - left),
            self.next_room.eq(after + 1 < self._depth),
            self.busy.eq(entered | (inside != 0)),
            Assert(~self.enter | self.room),
            Assert(~left | entered | (inside != 0)),
        ]
        m.d.sync += [
            entered.eq(self.enter),
            left.eq(self.leave),
            inside.eq(after),
            self.room.eq(self.next_room),
        ]
        return m
