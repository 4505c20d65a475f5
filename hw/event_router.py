"""Brings the events of the groups to the banks that multiply them."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Array, Assert, Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .payloads import event
from .queue import Queue
from .signatures import LayerSignature

QUEUE_DEPTH = 17
"""Events that may wait for a bank: a LUT RAM's rows and the register behind them."""

MARGIN = 3
"""Places that a queue must have: for an event to be chosen, the one that is on its way to it, and the one
that was when its room was judged."""


def _members(number: int, classes: int, numbers: list[int]) -> int:
    """Which of some numbers are of a class, one bit each; none if there are not so many classes."""
    return sum((number < classes and q % classes == number) << n for n, q in enumerate(numbers))


class EventRouter(wiring.Component):
    """Merges the streams of each class's groups and gives every one of its banks all of it.

    With S = 1 << ``share_log2``, groups and banks q with q % S == c are class c. Events of a class's groups
    take turns. A mark waits until each of the groups has the same one, and then is given once, so the order
    of events and marks is that of every group.

    Throughput: one event or mark a cycle for each class, as long as one of its groups has an event. Latency
    ``LATENCY`` cycles, 0 if there is one bank, for there the streams are one. A bank may be some events
    behind the others of its class, and a class behind the others. ``layer`` is there a cycle before the first
    event.

    Ports:
        i: Events of the groups.
        o: Events for the banks.
    """

    LATENCY = 1 + Queue.LATENCY

    layer: wiring.PureInterface
    i: list[stream.Interface]
    o: list[stream.Interface]

    def __init__(self, config: ArrayConfig) -> None:
        self._banks = config.banks
        self._event = event(config)
        streams = stream.Signature(self._event)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(streams).array(config.banks),
                "o": Out(streams).array(config.banks),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        banks = range(self._banks)
        if len(banks) == 1:
            wiring.connect(m, wiring.flipped(self.i[0]), wiring.flipped(self.o[0]))
            return m

        queues = [Queue(self._event, QUEUE_DEPTH, MARGIN) for _ in banks]
        ready: list[list[Value]] = [[] for _ in banks]  # of each group's stream, by its possible classes
        offers: list[list[tuple[Value, Value, Value]]] = [[] for _ in banks]  # to each bank, likewise
        for number in banks:
            # At S = 1, 2, 4 .. the numbers of this class, if there is such a class, are among these.
            members = list(range(number, len(banks), 1 << number.bit_length()))
            belongs = Signal(len(members), name=f"belongs_{number}")
            patterns = Array(_members(number, 1 << n, members) for n in range(len(banks).bit_length()))
            m.d.sync += belongs.eq(patterns[self.layer.share_log2])
            room = Cat(queues[q].room for q in members) | ~belongs
            given, valid, taken = self._merge(m, number, members, belongs, room.all())
            for n, q in enumerate(members):
                ready[q].append(taken[n])
                offers[q].append((belongs[n], given, valid))
        for q, queue in enumerate(queues):
            m.submodules[f"queue_{q}"] = queue
            wiring.connect(m, queue.o, wiring.flipped(self.o[q]))
            m.d.comb += [self.i[q].ready.eq(Cat(*ready[q]).any()), Assert(~queue.i.valid | queue.i.ready)]
            for belongs, given, valid in offers[q]:
                with m.If(belongs):
                    m.d.comb += [queue.i.p.eq(given), queue.i.valid.eq(valid)]
        return m

    def _merge(
        self, m: Module, number: int, members: list[int], belongs: Signal, room: Value
    ) -> tuple[Value, Value, Signal]:
        """A class's event or mark, in a register, whether there is one, and whose streams give theirs."""
        heads = [self.i[q] for q in members]
        asking, marking = Signal(len(members)), Signal(len(members))
        behind = Signal(len(members))  # those behind the one that had its turn last
        source, chosen, taken = (Signal(len(members)) for _ in range(3))
        all_mark = Signal()
        m.d.comb += [
            asking.eq(Cat(head.valid & ~head.p.mark for head in heads) & belongs),
            marking.eq(Cat(head.valid & head.p.mark for head in heads) & belongs),
            all_mark.eq((marking == belongs) & belongs[0]),
            source.eq(Mux((asking & behind).any(), asking & behind, asking)),
            chosen.eq(source & ~(source - 1)),
            taken.eq(Mux(room, Mux(all_mark, belongs, chosen), 0)),
        ]
        with m.If(room & asking.any()):
            m.d.sync += behind.eq(~(chosen | (chosen - 1)))

        # Marks are all the same: the first is given.
        given = Signal(self._event, name=f"given_{number}", reset_less=True)
        valid = Signal(name=f"valid_{number}")
        first = Mux(all_mark, 1, chosen)
        payloads = [head.p.as_value() & first[n].replicate(self._event.size) for n, head in enumerate(heads)]
        m.d.sync += [given.as_value().eq(reduce(or_, payloads)), valid.eq(taken.any())]
        for n, head in enumerate(heads):
            same = head.p.complete == heads[0].p.complete
            m.d.comb += Assert(~(room & all_mark & belongs[n]) | same)
        return given, valid, taken
