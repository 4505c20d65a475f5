"""A queue that need not lie where its payloads come from."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, ShapeLike, Signal
from amaranth.lib.memory import Memory

from .early import early
from .queue import Queue


class DistantQueue(Queue):
    """A :class:`~.queue.Queue`, cycle by cycle, with a register in front of its memory: it lies at the
    consumer, and its payloads have a cycle for their way there, as ``room`` has for the way back:
    ``next_room`` is a register, too.

    One that comes when none waits goes past the memory, from the one register to the other, and so is as soon
    at the consumer as without the first.

    Args:
        late: The consumer's ``ready`` comes late in its cycle: it steers two registers, none of payloads,
            and what is given is a choice of two instead of a register, as is ``next_room``.
    """

    def __init__(self, shape: ShapeLike, depth: int, margin: int = 1, *, late: bool = False) -> None:
        super().__init__(shape, depth, margin)
        self._late = late

    def elaborate(self, platform: object) -> Module:
        m = Module()
        payload, given = (p.as_value() if hasattr(p, "as_value") else p for p in (self.i.p, self.o.p))
        rows, most = self._depth - 1, self._depth - self._margin
        m.submodules.storage = storage = Memory(shape=len(payload), depth=rows, init=[])
        write, read = storage.write_port(), storage.read_port(domain="comb")
        arrived, came = Signal(len(payload), reset_less=True), Signal()
        first, filled = Signal(len(payload), reset_less=True), Signal()
        held, holds = Signal(len(payload), reset_less=True), Signal()  # in front of the first, if late
        produce, consume = Signal(range(rows)), Signal(range(rows))
        waiting, some = Signal(range(rows + 1)), Signal()  # payloads in the memory, and whether there are any
        count, left = Signal(range(self._depth + 2)), Signal()  # the one that left, if late, not counted yet
        level = count - left
        taken, gone = self.i.valid & self.i.ready, self.o.valid & self.o.ready
        free = ~filled | (~holds if self._late else self.o.ready)
        stored, fetched = came & (some | ~free), some & free
        same, less, more = (
            early(m, name, level <= most + off) for name, off in (("same", 0), ("less", 1), ("more", -1))
        )
        m.d.comb += [
            self.i.ready.eq(level != self._depth),
            # What goes past is written, too, where the next one will be: so nothing late steers the memory.
            write.addr.eq(produce),
            write.data.eq(arrived),
            write.en.eq(came),
            read.addr.eq(consume),
            given.eq(Mux(holds, held, first)),
            self.o.valid.eq(filled | holds),
            self.busy.eq(level != 0),
            Assert(~stored | (waiting != rows), "no place for what arrives"),
            Assert(some == (waiting != 0), "none waits, or some"),
            Assert(filled | ~some, "one waits where none is given"),
            Assert(level == waiting + came + filled + holds, "none is lost"),
            Assert(level <= self._depth, "too many"),
        ]
        m.d.sync += [
            arrived.eq(payload),
            came.eq(taken),
            count.eq(count + taken - (left if self._late else gone)),
            self.room.eq(self.next_room),
            waiting.eq(waiting + stored - fetched),
            some.eq(stored | Mux(free, waiting > 1, some)),
        ]
        rooms = (
            Mux(taken, more, same),
            Mux(taken, same, less),
        )  # what room there is if none leaves, if one does
        if self._late:
            kept, freed = Signal(init=1), Signal(init=1)  # which of both it was is known in the next cycle
            m.d.sync += [kept.eq(rooms[0]), freed.eq(rooms[1])]
            next_room = Mux(left, freed, kept)
            m.d.comb += self.next_room.eq(next_room)
            m.d.sync += [left.eq(gone), holds.eq(self.o.valid & ~self.o.ready)]
            with m.If(~holds):
                m.d.sync += held.eq(first)
        else:
            next_room = self.next_room
            m.d.sync += next_room.eq(Mux(gone, rooms[1], rooms[0]))
        m.d.comb += Assert(next_room == (level <= most), "another room")
        with m.If(stored):
            m.d.sync += produce.eq(Mux(produce == rows - 1, 0, produce + 1))
        with m.If(fetched):
            m.d.sync += consume.eq(Mux(consume == rows - 1, 0, consume + 1))
        with m.If(free):
            m.d.sync += [first.eq(Mux(some, read.data, arrived)), filled.eq(some | came)]
        return m
