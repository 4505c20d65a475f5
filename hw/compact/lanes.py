"""The list of a receptive field's events, and the lanes that multiply it by the weights of four outputs."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import COMPACT_VALUES

from .memory import ADDRESS_BITS
from .multipliers import MultiplyAccumulate
from .scanner import EVENT

LANES = 4

LIST_DEPTH = COMPACT_VALUES
"""Events that the list has room for."""


class Lanes(wiring.Component):
    """Keeps a list of events; for a pass adds up event x weight, for each lane its own weight.

    Throughput: an event a cycle. Latency of a pass: 4 cycles more than it has events.

    Members:
        clear: Pulse: the list is empty.
        event_en, event: Appends an event.
        count: Events in the list.
        start, base: Pulse: a pass begins, with the weights from this word of the memory on.
        busy: A pass is under way; it has the memory.
        mem_en, mem_address, mem_word: Reads the memory.
        sum: The sum of lane 0 after a pass, and after each ``next`` that of the next lane.
        next: Pulse.
    """

    clear: Signal
    event_en: Signal
    event: data.View[data.StructLayout]
    count: Signal
    start: Signal
    base: Signal
    busy: Signal
    mem_en: Signal
    mem_address: Signal
    mem_word: Signal
    sum: Signal
    next: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "clear": In(1),
                "event_en": In(1),
                "event": In(EVENT),
                "count": Out(range(LIST_DEPTH + 1)),
                "start": In(1),
                "base": In(ADDRESS_BITS - 2),
                "busy": Out(1),
                "mem_en": Out(1),
                "mem_address": Out(ADDRESS_BITS),
                "mem_word": In(32),
                "sum": Out(signed(32)),
                "next": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.events = events = Memory(
            shape=EVENT, depth=LIST_DEPTH, init=[], attrs={"ram_style": "block"}
        )
        store, load = events.write_port(), events.read_port()
        m.d.comb += [
            store.en.eq(self.event_en),
            store.addr.eq(self.count),
            store.data.eq(self.event),
        ]
        m.d.sync += Assert(~self.event_en | (self.count != LIST_DEPTH), "an event more than the list holds")
        with m.If(self.clear):
            m.d.sync += self.count.eq(0)
        with m.Elif(self.event_en):
            m.d.sync += self.count.eq(self.count + 1)

        # An event's way: its place in the list, out of the list, its weights from the memory, the lanes.
        index = Signal(range(LIST_DEPTH + 1))
        base = Signal(ADDRESS_BITS - 2)
        running, listed, weighed, adding = Signal(), Signal(), Signal(), Signal()
        value = Signal(signed(9))
        more = running & (index != self.count)
        m.d.comb += [
            self.busy.eq(running | listed | weighed | adding),
            load.en.eq(more),
            load.addr.eq(index),
            self.mem_en.eq(listed),
            self.mem_address.eq((base + load.data.weight)[: ADDRESS_BITS - 2] << 2),
        ]
        m.d.sync += [
            listed.eq(more),
            weighed.eq(listed),
            adding.eq(weighed),
            value.eq(load.data.value),
            running.eq(more),
        ]
        with m.If(more):
            m.d.sync += index.eq(index + 1)
        lane = Signal(range(LANES))
        with m.If(self.next):
            m.d.sync += lane.eq(lane + 1)
        with m.If(self.start):
            m.d.sync += [running.eq(1), index.eq(0), base.eq(self.base), lane.eq(0)]
        # The lanes are cleared in the cycle after ``start``, from a register: their reset is asynchronous.
        fresh = Signal()
        m.d.sync += fresh.eq(self.start)
        sums = []
        for n in range(LANES):
            m.submodules[f"lane_{n}"] = unit = MultiplyAccumulate()
            m.d.comb += [
                unit.clear.eq(fresh),
                unit.en.eq(weighed),
                unit.a.eq(value),
                unit.b.eq(self.mem_word.word_select(n, 8)),
            ]
            sums.append(unit.sum)
        low, high = Mux(lane[0], sums[1], sums[0]), Mux(lane[0], sums[3], sums[2])
        m.d.comb += self.sum.eq(Mux(lane[1], high, low))
        return m
