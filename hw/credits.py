"""Credits: how many words may still enter a pipeline that cannot stall."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Credits(wiring.Component):
    """Counts the words in a pipeline whose end holds ``depth``, so that its stages need no backpressure.

    ``room`` is high while another word may ``enter``; a word that has left the end gives its place back two
    cycles later, since whether it leaves is known late in the cycle. ``busy`` is high from the cycle after
    a word has entered until its place is back.
    """

    enter: Signal
    leave: Signal
    room: Signal
    busy: Signal

    def __init__(self, depth: int) -> None:
        self._depth = depth
        super().__init__({"enter": In(1), "leave": In(1), "room": Out(1), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inside = Signal(range(self._depth + 1))
        after = Signal(range(self._depth + 2))
        left = Signal()
        m.d.comb += [
            after.eq(inside + self.enter - left),
            self.busy.eq(inside != 0),
            Assert(~self.enter | self.room),
            Assert(~left | (inside != 0)),
        ]
        m.d.sync += [left.eq(self.leave), inside.eq(after), self.room.eq(after < self._depth)]
        return m
