"""Runs the program: loads one layer after the other, starts the parts, counts."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import COUNTER_WORDS, LAYER_WORDS, ArrayConfig
from stillframe.contract.layer import FIELD_WORDS, LAYER_FIELDS
from stillframe.contract.memory_map import Counter
from stillframe.contract.memory_map import Memory as Region

from .signatures import FrameControl, HostBus, LayerSignature

FIELDS = tuple(LAYER_FIELDS.values())

COUNT_BITS = 8
"""Width of what the array counts in a cycle: as many multiplications as it has lanes."""


class Sequencer(wiring.Component):
    """The layer program, its counters and its order.

    While a layer works the next one's descriptor is loaded into registers of its own. A layer that is skipped
    because its input did not change costs ``SKIPPED`` cycles, or ``FIELD_WORDS + 3`` where it waits for its
    descriptor.

    Ports:
        layer: The descriptor of the layer being run.
        start: Pulse, the layer's work begins.
        working: Something is on its way to the mask writer, from the cycle after ``start`` on.
        encoder_changed: An element was sent since ``start``; word_encoded: the encoder took a word.
        finish: Pulse, the mask writer shall close the tensor; writer_busy: it does, from the next cycle on.
        events, macs: Counted by the array in this cycle.
    """

    SKIPPED = 6

    start: Signal
    working: Signal
    encoder_changed: Signal
    word_encoded: Signal
    finish: Signal
    writer_busy: Signal
    events: Signal
    macs: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "control": In(FrameControl()),
                "host": In(HostBus()),
                "layer": Out(LayerSignature()),
                "start": Out(1),
                "working": In(1),
                "encoder_changed": In(1),
                "word_encoded": In(1),
                "finish": Out(1),
                "writer_busy": In(1),
                "events": In(COUNT_BITS),
                "macs": In(COUNT_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer, host, control = self._config, self.layer, self.host, self.control

        m.submodules.layers = layers = Memory(shape=32, depth=LAYER_WORDS * config.layers, init=[])
        m.submodules.counters = counters = Memory(shape=32, depth=COUNTER_WORDS * config.layers, init=[])
        layer_write, layer_read = layers.write_port(), layers.read_port()
        count_write, count_read = counters.write_port(), counters.read_port()
        answering = Signal(2)
        m.d.sync += answering.eq(answering << 1)
        with m.If(host.r_en & (host.memory == Region.COUNTERS)):
            m.d.sync += answering.eq(1)
        m.d.comb += [
            layer_write.addr.eq(host.row),
            layer_write.data.eq(host.w_data),
            layer_write.en.eq(host.w_en & (host.memory == Region.LAYERS)),
            count_read.addr.eq(host.row),
            count_read.en.eq(host.r_en),
            host.r_valid.eq(answering[0]),
            host.r_data.eq(Mux(answering[0], count_read.data, 0)),
        ]

        number = Signal(range(config.layers))
        running = Signal()  # a layer of this frame has been taken
        changed = Signal(config.layers)
        key = Signal()
        m.d.comb += layer.key.eq(key)

        some_change = Signal()
        m.d.comb += some_change.eq(
            changed.bit_select(layer.in_layer, 1)
            | (layer.two_inputs & changed.bit_select(layer.second_layer, 1))
        )

        # Counters of this layer, and the frame's cycles.
        cycles, issued, skipped, events = (
            Signal(32, name=n) for n in ("cycles", "issued", "skipped", "events")
        )
        counting = Signal()
        with m.If(counting):
            m.d.sync += [cycles.eq(cycles + 1), control.cycles.eq(control.cycles + 1)]
        m.d.sync += [
            events.eq(events + self.events),
            issued.eq(issued + self.macs),
            skipped.eq(skipped - self.macs),
        ]

        # The loader: layer ``loading`` into registers, then it waits until they are taken.
        following = {f.name: Signal.like(getattr(layer, f.name), name=f"next_{f.name}") for f in FIELDS}
        loading = Signal(range(config.layers + 1))
        index = Signal(range(FIELD_WORDS + 1))
        read_index = Signal(range(FIELD_WORDS + 1))
        reading, loaded, take = Signal(), Signal(), Signal()
        m.d.comb += layer_read.addr.eq(loading * LAYER_WORDS + index)
        m.d.sync += [
            reading.eq(index != FIELD_WORDS),
            read_index.eq(index),
            loaded.eq((index == FIELD_WORDS) & ~reading),
        ]
        with m.If(index != FIELD_WORDS):
            m.d.sync += index.eq(index + 1)
        with m.If(reading), m.Switch(read_index):
            for word in range(FIELD_WORDS):
                with m.Case(word):
                    for field in FIELDS:
                        if field.word == word:
                            bits = layer_read.data[field.shift : field.shift + field.width]
                            m.d.sync += following[field.name].eq(bits)
        with m.If(take):
            m.d.sync += [getattr(layer, name).eq(value) for name, value in following.items()]
            m.d.sync += [number.eq(loading), loading.eq(loading + 1)]
        reload = Signal()
        with m.If(take | reload):
            m.d.sync += [index.eq(0), reading.eq(0), loaded.eq(0)]
        with m.If(reload):
            m.d.sync += loading.eq(0)

        counter = Signal(range(COUNTER_WORDS + 1))
        quiet = Signal()
        m.d.sync += quiet.eq(~self.working)
        m.d.comb += [
            count_write.addr.eq(number * COUNTER_WORDS + counter),
            control.busy.eq(1),
            counting.eq(1),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [control.busy.eq(0), counting.eq(0)]
                with m.If(control.begin):
                    m.next = "LOAD"

            with m.State("LOAD"):
                m.d.comb += [counting.eq(running), take.eq(loaded)]
                with m.If(loaded):
                    m.d.sync += running.eq(1)
                    m.next = "CHECK"

            with m.State("CHECK"):
                m.d.comb += counting.eq(number != 0)
                m.d.sync += skipped.eq(layer.macs_dense)
                with m.If(number == 0):
                    m.d.comb += self.start.eq(1)
                    m.next = "ACCEPT"
                with m.Elif(layer.skip_still & ~key & ~some_change):
                    m.d.sync += changed.bit_select(number, 1).eq(0)
                    m.next = "COUNT"
                with m.Else():
                    m.d.comb += self.start.eq(1)
                    m.next = "START"

            with m.State("ACCEPT"):  # words from the link
                m.d.comb += [control.busy.eq(0), control.accepting.eq(1), counting.eq(self.word_encoded)]
                with m.If(control.run):
                    m.next = "START"
                with m.Elif(control.begin):
                    m.next = "LOAD"

            with m.State("START"):  # what works rises, and is seen a cycle later
                m.next = "WORK"

            with m.State("WORK"), m.If(quiet & ~self.working):
                m.d.comb += self.finish.eq(1)
                m.next = "CLOSE"

            with m.State("CLOSE"):
                m.d.sync += changed.bit_select(number, 1).eq(key | self.encoder_changed)
                m.next = "CLOSING"

            with m.State("CLOSING"), m.If(~self.writer_busy):
                m.next = "COUNT"

            with m.State("COUNT"):
                values = {
                    Counter.MACS_ISSUED: issued,
                    Counter.MACS_SKIPPED: skipped,
                    Counter.EVENTS: events,
                    Counter.CYCLES: cycles + 1,  # with this cycle
                }
                order = [Counter.MACS_ISSUED, Counter.MACS_SKIPPED, Counter.EVENTS, Counter.CYCLES]
                step = Signal(range(len(order)))
                m.d.comb += count_write.en.eq(1)
                m.d.sync += step.eq(step + 1)
                with m.Switch(step):
                    for position, name in enumerate(order):
                        with m.Case(position):
                            m.d.comb += [counter.eq(name), count_write.data.eq(values[name])]
                with m.If(step == len(order) - 1):
                    m.d.sync += [step.eq(0), *(c.eq(0) for c in (cycles, issued, skipped, events))]
                    m.next = "LOAD"
                    with m.If(layer.last):
                        m.next = "DONE"

            with m.State("DONE"):
                m.d.comb += [control.done.eq(1), counting.eq(0)]
                m.next = "IDLE"

        with m.If(control.begin & ~control.busy):
            m.d.comb += reload.eq(1)
            m.d.sync += [
                key.eq(control.key),
                running.eq(0),
                control.cycles.eq(0),
                *(c.eq(0) for c in (cycles, issued, skipped, events)),
            ]
        return m
