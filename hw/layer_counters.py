"""What layers and frames count, where the host can read it."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import COUNTER_WORDS, ArrayConfig
from stillframe.contract.memory_map import Counter, info_words
from stillframe.contract.memory_map import Memory as Region

from .signatures import HostBus

COUNT_BITS = 8
"""Width of what the array counts in a cycle: as many multiplications as it has lanes."""


class LayerCounters(wiring.Component):
    """Counts for the layer being run, stores its counters, and answers READs of COUNTERS and INFO.

    INFO is what the counters' block RAM holds behind them from the start. Latency: an answer comes 2 cycles
    after ``host.r_en``; everything is counted a cycle or two after it came.

    Args:
        config: The array that INFO describes.

    Members:
        host: The memories; of no other one there is an answer.
        restart: Pulse, a frame begins.
        number, macs_dense: Of the layer being run.
        tick: This is one of its cycles.
        events, macs: Counted by the array in this cycle.
        store: Store another one of the layer's four counters. The fourth is stored in its last cycle, and all
            begin anew. The array counts nothing from two cycles before the first on.
        cycles: Of all layers since ``restart``, 2 cycles after they were.
    """

    host: wiring.PureInterface
    restart: Signal
    number: Signal
    macs_dense: Signal
    tick: Signal
    events: Signal
    macs: Signal
    store: Signal
    cycles: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "host": In(HostBus()),
                "restart": In(1),
                "number": In(range(config.layers)),
                "macs_dense": In(32),
                "tick": In(1),
                "events": In(COUNT_BITS),
                "macs": In(COUNT_BITS),
                "store": In(1),
                "cycles": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # What came is counted a cycle later. So two cycles are not in yet when a layer's are stored.
        ticking, clear = Signal(), Signal()
        counter = Signal(range(COUNTER_WORDS), init=Counter.MACS_ISSUED)  # to be stored next
        stored = self.store & (counter == Counter.CYCLES)
        happened, multiplied = Signal(COUNT_BITS), Signal(COUNT_BITS)
        cycles = Signal(32, init=2)
        issued, skipped, events = (Signal(32, name=n) for n in ("issued", "skipped", "events"))
        m.d.sync += [
            ticking.eq(self.tick),
            happened.eq(self.events),
            multiplied.eq(self.macs),
            events.eq(events + happened),
            issued.eq(issued + multiplied),
            skipped.eq(self.macs_dense - issued),
            clear.eq(stored | self.restart),
        ]
        with m.If(ticking):
            m.d.sync += [cycles.eq(cycles + 1), self.cycles.eq(self.cycles + 1)]
        with m.If(clear):
            m.d.sync += [cycles.eq(cycles.init), issued.eq(0), events.eq(0)]
        with m.If(self.restart):
            m.d.sync += self.cycles.eq(0)

        values = {
            Counter.CYCLES: cycles,
            Counter.MACS_ISSUED: issued,
            Counter.MACS_SKIPPED: skipped,
            Counter.EVENTS: events,
        }
        with m.If(self.store):  # the cycles after all others
            m.d.sync += counter.eq(counter + 1)

        # The memory.
        info = 1 << (COUNTER_WORDS * self._config.layers - 1).bit_length()
        words = info_words(self._config)
        m.submodules.memory = memory = Memory(
            shape=32, depth=info + len(words), init=[0] * info + words, attrs={"ram_style": "block"}
        )
        write, read = memory.write_port(), memory.read_port()
        answering = Signal()
        answer = Signal(32)  # a register behind the block RAM, before other answers are or-ed
        m.d.comb += [
            write.en.eq(self.store),
            write.addr.eq(self.number * COUNTER_WORDS + counter),
            write.data.eq(Array(values[name] for name in Counter)[counter]),
            read.en.eq(self.host.r_en),
            read.addr.eq(self.host.row),
        ]
        with m.If(self.host.memory == Region.INFO):
            m.d.comb += read.addr.eq(info + self.host.row[: (len(words) - 1).bit_length()])
        m.d.sync += [
            answering.eq(self.host.r_en & self.host.memory.matches(Region.COUNTERS, Region.INFO)),
            self.host.r_valid.eq(answering),
            answer.eq(read.data),
        ]
        m.d.comb += self.host.r_data.eq(Mux(self.host.r_valid, answer, 0))
        return m
