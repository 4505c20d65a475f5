"""The whole accelerator: link, sequencer, event finder, array, drain, encoder."""

from __future__ import annotations

from amaranth.hdl import Assert, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig
from stillframe.contract.layer import Op
from stillframe.contract.memory_map import Memory

from .activation_table import ActivationTable
from .code_memory import CodeMemory
from .credits import Credits
from .delta_encoder import DeltaEncoder
from .distant_queue import DistantQueue
from .drain import Drain
from .event_finder import EventFinder
from .fused_add import FusedAdd
from .link.link import Link
from .mac_array import MacArray
from .mask_writer import MaskWriter
from .payloads import PLACE, STRIP, code_word, placed, table_word
from .queue import Queue
from .requantiser import Requantiser
from .sequencer import Sequencer
from .signatures import DeviceStatus, HostBus
from .skid import Skid
from .state_update import StateUpdate
from .windows import Windows

STRIP_DEPTH = 4
"""Strips that the walker may be ahead of the drain."""

ARRIVAL_DEPTH, ARRIVAL_MARGIN = 4, 3
"""Words of a frame that wait behind the link: its ready signals end there. And how many may be on their way
when one more is taken."""

UPDATE_DEPTH = 48
"""Words that may be between the drain and the writer; some 35 are, unless the writer has to catch up. Deeper
queues would be block RAM."""


class Accelerator(wiring.Component):
    """Speaks the packets of :mod:`stillframe.contract.packets` on two byte streams and runs a loaded program.

    The path of a MAC layer: ``finder`` -> ``array`` -> ``drain`` -> ``state`` -> ``requantiser`` ->
    ``table`` -> ``encoder`` -> ``writer``, and back into the finder's memories for the next layer. POOL and
    CONCAT layers go from the finder's rows over ``windows`` to the table, ADD layers from there to the
    requantiser; the link's words go straight to the encoder. A ``fused`` MAC layer's words go from the
    requantiser over ``fused`` to the adder in ``windows``, and as sums through the requantiser again.

    From the drain to the writer's queue nothing ever waits, nor from a read of ``windows``: a word starts
    only if the queue has a place for it. A chain of ready signals through all of these stages would set the
    clock. Where a word's mask goes does not travel with it: it waits in ``places`` for the mask to come out.
    Words of a fused layer start in one of some cycles only (see :class:`~.fused_add.FusedAdd`).
    """

    rx: stream.Interface
    tx: stream.Interface
    status: wiring.PureInterface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "rx": In(stream.Signature(8)),
                "tx": Out(stream.Signature(8)),
                "status": Out(DeviceStatus()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config
        m.submodules.link = link = Link(config)
        m.submodules.arrivals = arrivals = Queue(placed(code_word(config)), ARRIVAL_DEPTH, ARRIVAL_MARGIN)
        m.submodules.sequencer = sequencer = Sequencer(config)
        m.submodules.finder = finder = EventFinder(config)
        m.submodules.strips = strips = Queue(STRIP, STRIP_DEPTH)
        m.submodules.next_strip = next_strip = Skid(STRIP)
        m.submodules.array = array = MacArray(config)
        m.submodules.drain = drain = Drain(config)
        m.submodules.windows = windows = Windows(config)
        m.submodules.credits = credits = Credits(UPDATE_DEPTH)
        # With several banks the drain is far from the writer.
        m.submodules.places = places = (DistantQueue if config.banks > 1 else Queue)(PLACE, UPDATE_DEPTH)
        m.submodules.state = state = StateUpdate(config)
        m.submodules.requantiser = requantiser = Requantiser(config)
        m.submodules.fused = fused = FusedAdd(config)
        m.submodules.table = table = ActivationTable(config)
        m.submodules.encoder = encoder = DeltaEncoder(config)
        m.submodules.masks = masks = Queue(config.drain, UPDATE_DEPTH)
        m.submodules.writer = writer = MaskWriter(config)
        m.submodules.codes = codes = CodeMemory(config)

        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        # A register on the way from the link to the strips of the elements.
        m.d.comb += link.words.ready.eq(arrivals.room)
        m.d.sync += [
            arrivals.i.p.eq(link.words.p),
            arrivals.i.valid.eq(link.words.valid & link.words.ready),
            Assert(~arrivals.i.valid | arrivals.i.ready),
        ]
        wiring.connect(m, link.control, sequencer.control)
        layer = sequencer.layer
        for part in (link, finder, array, drain, windows, state, requantiser, fused, table, encoder, writer):
            for name in layer.signature.members:
                m.d.comb += getattr(part.layer, name).eq(getattr(layer, name))

        # The main path. What hangs on the layer alone is found out before it starts.
        requantising, accepting, fusing = Signal(), Signal(), Signal()
        m.d.sync += [
            requantising.eq((layer.op == Op.MAC) | (layer.op == Op.ADD)),
            accepting.eq(layer.op == Op.INPUT),
            fusing.eq(layer.fused),
        ]
        wiring.connect(m, finder.strips, strips.i)
        wiring.connect(m, strips.o, next_strip.i)
        wiring.connect(m, next_strip.o, drain.strips)
        wiring.connect(m, finder.rows, windows.rows)
        for bank in range(config.banks):
            wiring.connect(m, finder.events[bank], array.i[bank])
        m.d.comb += [
            array.pixel.eq(drain.pixel),
            array.release.eq(drain.release),
            drain.complete.eq(array.complete),
            drain.touched.eq(array.touched),
            drain.touches.eq(array.touches),
            drain.acc.eq(array.acc),
        ]
        coded = stream.Signature(table_word(config)).create()
        received = stream.Signature(code_word(config)).create()
        # What lets the drain begin a word is a register: much hangs on whether it does.
        phase, going = Signal(range(2 * config.add_cycles)), Signal()
        m.d.comb += going.eq(credits.next_room & requantiser.loaded)
        m.d.sync += [
            phase.eq(phase + 1),
            drain.may.eq(going & (~fusing | (phase == 0))),
        ]
        m.d.comb += windows.next_room.eq(going)
        self._admit(m, credits, places, arrivals.o, received)
        m.d.comb += [
            state.i.p.eq(drain.o.p.word),
            state.i.valid.eq(drain.o.valid),
            drain.o.ready.eq(state.i.ready),
            coded.p.eq(windows.code),
            coded.valid.eq(windows.code_valid),
        ]
        m.d.sync += Assert(~windows.code_valid | coded.ready)
        with m.If(drain.begins | windows.promised):
            m.d.comb += credits.enter.eq(1)
        with m.If(drain.o.valid):
            m.d.comb += [places.i.valid.eq(1), places.i.p.eq(drain.o.p.place)]
        with m.If(windows.promised):
            m.d.comb += [places.i.valid.eq(1), places.i.p.eq(windows.place)]
        self._add(m, fusing, state, requantiser, fused, windows)
        requantised = stream.Signature(table_word(config)).create()
        m.d.comb += [
            requantised.p.eq(requantiser.o.p),
            requantised.valid.eq(requantiser.o.valid & ~requantiser.o_own),
            requantiser.o.ready.eq(requantised.ready),
        ]
        self._choose(m, requantising, requantised, coded, table.i)
        self._choose(m, accepting, received, table.o, encoder.i)
        m.d.comb += [
            masks.i.p.eq(encoder.o),
            masks.i.valid.eq(encoder.valid),
            Assert(~encoder.valid | masks.i.ready),
            Assert(~places.i.valid | places.i.ready),
            credits.leave.eq(writer.i.valid & writer.i.ready),
            writer.i.p.bits.eq(masks.o.p),
            writer.i.p.place.eq(places.o.p),
            writer.i.valid.eq(masks.o.valid),
            masks.o.ready.eq(writer.i.ready),
            places.o.ready.eq(writer.i.ready & masks.o.valid),
            Assert(~masks.o.valid | places.o.valid),
        ]

        # Memories.
        m.d.comb += [
            codes.encoder_next.eq(encoder.codes_next),
            codes.encoder_address.eq(encoder.codes_address),
            encoder.codes_data.eq(codes.data),
            codes.fusing.eq(fusing),
            codes.operand_address.eq(fused.next_address),
            codes.read_en.eq(windows.read_en | fused.read_en),
            codes.window_address.eq(windows.read_address),
            windows.read_grant.eq(codes.read_grant),
            windows.read_data.eq(codes.data),
            fused.read_data.eq(codes.data),
            Assert(~fused.read_en | codes.read_grant, "two reads of CODES"),
            codes.store_en.eq(encoder.store_en),
            codes.store_address.eq(encoder.store_address),
            codes.store_codes.eq(encoder.store_codes),
            finder.event_en.eq(encoder.event_en),
            finder.event_address.eq(encoder.event_address),
            finder.event_values.eq(encoder.event_values),
            finder.mask_en.eq(writer.mask_en),
            finder.mask_address.eq(writer.mask_address),
            finder.mask_bits.eq(writer.mask_bits),
            finder.flag_en.eq(writer.flag_en),
            finder.flag_row.eq(writer.flag_row),
            finder.flag.eq(writer.flag),
        ]
        self._connect_host(
            m,
            link.bus,
            ((sequencer, None), (state, Memory.STATE), (codes, Memory.CODES)),
            ((array, Memory.WEIGHTS), (requantiser, Memory.PARAMS), (table, Memory.TABLES)),
        )

        # The sequencer's view. What has nothing to do yet starts a cycle later: much hangs on that. It does
        # so in a reset too: what a start clears need not hang on the reset as well.
        started = Signal(init=1)
        m.d.sync += started.eq(sequencer.start)
        m.d.comb += [
            finder.start.eq(sequencer.start & ~accepting),
            array.start.eq(started),
            drain.start.eq(started),
            requantiser.start.eq(started),
            writer.start.eq(started),
            encoder.clear.eq(sequencer.start),
            writer.finish.eq(sequencer.finish),
            sequencer.working.eq(
                finder.busy
                | strips.busy
                | next_strip.busy
                | drain.busy
                | windows.busy
                | link.words.valid
                | arrivals.i.valid
                | arrivals.busy
                | credits.busy
            ),
            sequencer.encoder_changed.eq(encoder.changed),
            sequencer.word_encoded.eq(encoder.i.valid & encoder.i.ready),
            sequencer.writer_busy.eq(writer.busy),
            sequencer.events.eq(array.events),
            sequencer.macs.eq(array.macs),
        ]
        m.d.sync += [
            self.status.session.eq(link.session),
            self.status.damaged.eq(link.damaged),
            self.status.working.eq(link.control.busy),
            self.status.layer.eq(sequencer.start),
        ]
        return m

    def _add(
        self,
        m: Module,
        fusing: Signal,
        state: StateUpdate,
        requantiser: Requantiser,
        fused: FusedAdd,
        windows: Windows,
    ) -> None:
        """The way to the requantiser, of sums too, and the loop from it over the adder back to it."""
        every, to_sum = 2 * self._config.add_cycles, FusedAdd.latency(self._config)
        to_sum_again = Requantiser.LATENCY + to_sum  # from a word at the requantiser to its sum there
        # From the read for a word to the encoder's.
        to_encoder = to_sum_again + ActivationTable.LATENCY + DeltaEncoder.READ
        assert to_sum_again % every
        assert to_encoder % every
        wiring.connect(m, state.o, requantiser.i)
        m.d.sync += Assert(~(state.o.valid & windows.sum_valid), "a word and a sum at the requantiser")
        m.d.comb += [
            requantiser.own.eq(fusing & ~windows.sum_valid),
            fused.next_offset.eq(requantiser.next_offset),
            fused.valid.eq(requantiser.o.valid & requantiser.o_own),
            fused.i.eq(requantiser.o.p),
            windows.operand_next.eq(fused.operand_next),
            windows.operand.eq(fused.operand),
        ]
        with m.If(windows.sum_valid):
            m.d.comb += [requantiser.i.p.eq(windows.sum), requantiser.i.valid.eq(1)]

    @staticmethod
    def _admit(m: Module, credits: Credits, places: Queue, i: stream.Interface, o: stream.Interface) -> None:
        """Let words of ``i`` into the pipeline while there is room, and their places into the queue."""
        m.d.comb += [o.p.eq(i.p.word), o.valid.eq(i.valid & credits.room), i.ready.eq(o.ready & credits.room)]
        with m.If(o.valid & o.ready):
            m.d.comb += [credits.enter.eq(1), places.i.valid.eq(1), places.i.p.eq(i.p.place)]

    @staticmethod
    def _choose(
        m: Module, first: Value, a: stream.Interface, b: stream.Interface, o: stream.Interface
    ) -> None:
        """Connect ``a`` to ``o`` while ``first``, else ``b``; the other has no word.

        Both are told whether ``o`` is ready: so where it always is, nothing hangs on ``first``.
        """
        m.d.comb += [
            o.p.eq(Mux(first, a.p, b.p)),
            o.valid.eq(Mux(first, a.valid, b.valid)),
            a.ready.eq(o.ready),
            b.ready.eq(o.ready),
        ]
        m.d.sync += Assert(~Mux(first, b.valid, a.valid), "a word of a stage that has no part in this layer")

    @staticmethod
    def _connect_host(
        m: Module,
        bus: wiring.PureInterface,
        readable: tuple[tuple[wiring.Component, Memory | None], ...],
        write_only: tuple[tuple[wiring.Component, Memory], ...],
    ) -> None:
        """Hang the memories on the host's bus; those that do not answer give zeros, so answers are or-ed.

        The bus reaches every memory of the chip. It stops in a register where it leaves the link and in
        another one beside each memory, which takes in what is meant for that one; answers stop once.
        """
        told = ("memory", "column", "row", "w_data")
        near = HostBus().create()
        m.d.sync += [getattr(near, name).eq(getattr(bus, name)) for name in (*told, "w_en", "r_en")]
        valid, answer = Const(0, 1), Const(0, 32)
        for part, memory in readable:
            host = near
            if memory is not None:
                host = HostBus().create(path=(f"{memory.name.lower()}_host",))
                meant = near.memory == memory
                m.d.sync += [getattr(host, name).eq(getattr(near, name) & meant) for name in ("w_en", "r_en")]
                with m.If(meant & (near.w_en | near.r_en)):
                    m.d.sync += [getattr(host, name).eq(getattr(near, name)) for name in told]
            for name in (*told, "w_en", "r_en"):
                m.d.comb += getattr(part.host, name).eq(getattr(host, name))
            valid, answer = valid | part.host.r_valid, answer | part.host.r_data
        m.d.sync += [bus.r_valid.eq(valid), bus.r_data.eq(answer)]
        for part, memory in write_only:
            meant = near.w_en & (near.memory == memory)
            m.d.sync += part.write_en.eq(meant)
            with m.If(meant):
                m.d.sync += [
                    part.write_column.eq(near.column),
                    part.write_row.eq(near.row),
                    part.write_data.eq(near.w_data),
                ]
