"""Runs the program: one layer after the other, and starts the parts."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from stillframe.contract.array import ArrayConfig
from stillframe.contract.memory_map import Memory as Region

from .layer_counters import COUNT_BITS, LayerCounters
from .layer_loader import LayerLoader
from .signatures import FrameControl, HostBus, LayerSignature


class Sequencer(wiring.Component):
    """The layer program and its order.

    While a layer works the next one's descriptor is loaded. A layer that is skipped because its input did not
    change costs ``SKIPPED`` cycles, or ``RESTING`` where it waits for its descriptor.

    ``start``, ``finish`` and ``layer`` are registers; what comes back is registered before it is looked at.

    Ports:
        layer: The descriptor of the layer being run.
        start: Pulse, the layer's work begins.
        working: Something is on its way to the mask writer, from the cycle after ``start`` on.
        encoder_changed: An element was sent since ``start``; word_encoded: the encoder took a word.
        finish: Pulse, the mask writer shall close the tensor; writer_busy: it does, from the next cycle on.
        events, macs: Counted by the array in this cycle.
    """

    SKIPPED = 8
    RESTING = LayerLoader.LATENCY + 1

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
        layer, host, control = self.layer, self.host, self.control
        restart = Signal()  # a frame begins, perhaps in the place of one
        m.d.comb += restart.eq(control.begin & ~control.busy)

        m.submodules.loader = loader = LayerLoader(self._config)
        connect(m, loader.layer, flipped(layer))
        m.d.comb += [
            loader.write_en.eq(host.w_en & (host.memory == Region.LAYERS)),
            loader.write_row.eq(host.row),
            loader.write_data.eq(host.w_data),
            loader.restart.eq(restart),
            loader.key.eq(control.key),
        ]
        take = Signal()
        m.d.comb += loader.take.eq(take)

        m.submodules.counters = counters = LayerCounters(self._config)
        connect(m, flipped(host), counters.host)
        m.d.comb += [
            counters.restart.eq(restart),
            counters.number.eq(loader.number),
            counters.macs_dense.eq(layer.macs_dense),
            counters.tick.eq(1),
            counters.events.eq(self.events),
            counters.macs.eq(self.macs),
            control.cycles.eq(counters.cycles),
        ]

        # Which layers of this frame have sent something: looked up for one input, then for the other.
        m.submodules.changed = changed = Memory(shape=1, depth=self._config.layers, init=[])
        change, input_changed = changed.write_port(), changed.read_port(domain="comb")
        some_change = Signal()
        m.d.comb += [
            change.addr.eq(loader.number),
            input_changed.addr.eq(Mux(take, loader.in_layer, layer.second_layer)),
        ]

        running = Signal()  # the frame's first layer is through: the input
        worked = Signal()  # the layer did; else it is skipped
        working, quiet, closing = Signal(), Signal(), Signal()
        m.d.sync += [
            *(pulse.eq(0) for pulse in (take, self.start, self.finish, control.done)),
            working.eq(self.working),
            quiet.eq(~working),
            closing.eq(self.writer_busy),
        ]
        m.d.comb += control.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [control.busy.eq(0), counters.tick.eq(0)]
                m.d.sync += running.eq(0)
                with m.If(control.begin):
                    m.next = "LOAD"

            with m.State("LOAD"):
                m.d.comb += counters.tick.eq(running)
                with m.If(loader.loaded):
                    m.d.sync += take.eq(1)
                    m.next = "FIRST INPUT"
            with m.State("FIRST INPUT"):  # the layer is taken
                m.d.comb += counters.tick.eq(running)
                m.d.sync += some_change.eq(input_changed.data)
                m.next = "SECOND INPUT"
            with m.State("SECOND INPUT"):
                m.d.comb += counters.tick.eq(running)
                with m.If(layer.two_inputs & input_changed.data):
                    m.d.sync += some_change.eq(1)
                m.next = "CHECK"

            with m.State("CHECK"):
                m.d.comb += counters.tick.eq(running)
                m.d.sync += worked.eq(0)
                with m.If(running & layer.skip_still & ~layer.key & ~some_change):
                    m.next = "CLOSE"
                with m.Else():
                    m.d.sync += [worked.eq(1), self.start.eq(1)]
                    m.next = "ACCEPT"
                    with m.If(running):
                        m.next = "START"

            with m.State("ACCEPT"):  # words from the link
                m.d.comb += [
                    control.busy.eq(0),
                    control.accepting.eq(1),
                    counters.tick.eq(self.word_encoded),
                ]
                with m.If(control.run):
                    m.next = "START"
                with m.Elif(control.begin):
                    m.next = "LOAD"

            with m.State("START"):
                m.next = "STARTED"
            with m.State("STARTED"):  # what works rises, and is seen a cycle later
                m.next = "WORK"

            with m.State("WORK"), m.If(quiet & ~working):
                m.d.sync += self.finish.eq(1)
                m.next = "CLOSE"

            # The counters are stored meanwhile.
            with m.State("CLOSE"):
                m.d.comb += counters.store.eq(1)
                m.d.comb += [change.en.eq(1), change.data.eq(worked & (layer.key | self.encoder_changed))]
                m.next = "CLOSED"
            with m.State("CLOSED"):  # the writer is busy, and is seen to be a cycle later
                m.d.comb += counters.store.eq(1)
                m.next = "CLOSING"
            with m.State("CLOSING"), m.If(~closing):
                m.d.comb += counters.store.eq(1)
                m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += counters.store.eq(1)
                m.d.sync += running.eq(1)
                m.next = "LOAD"
                with m.If(layer.last):
                    m.next = "DONE"

            with m.State("DONE"):
                m.d.comb += counters.tick.eq(0)
                m.d.sync += control.done.eq(1)
                m.next = "IDLE"
        return m
