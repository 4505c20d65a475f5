"""The whole accelerator: link, sequencer, event finder, array, drain, encoder."""

from __future__ import annotations

from amaranth.hdl import Assert, Const, Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig
from stillframe.contract.layer import Op
from stillframe.contract.memory_map import Memory

from .activation_table import ActivationTable
from .code_memory import CodeMemory
from .credits import Credits
from .delta_encoder import DeltaEncoder
from .drain import Drain
from .event_finder import EventFinder
from .link.link import Link
from .mac_array import MacArray
from .mask_writer import MaskWriter
from .payloads import TAG, event, mask_update, sum_word, table_word
from .queue import Queue
from .requantiser import Requantiser
from .sequencer import Sequencer
from .signatures import code_word
from .state_update import StateUpdate
from .windows import Windows

EVENT_DEPTH = 4
"""Events that may wait before the array. The queue keeps the array's stalls out of the finder's logic."""

TAG_DEPTH = 8
"""Pixels that may be under way between the event finder and the drain."""

UPDATE_DEPTH = 32
"""Words that may be between the drain and the writer; some 25 are, unless the writer has to catch up."""


class Accelerator(wiring.Component):
    """Speaks the packets of :mod:`stillframe.contract.packets` on two byte streams and runs a loaded program.

    The path of a MAC layer: ``finder`` -> ``array`` -> ``drain`` -> ``state`` -> ``requantiser`` ->
    ``table`` -> ``encoder`` -> ``writer``, and back into the finder's memories for the next layer. POOL and
    CONCAT layers go from the finder's tags over ``windows`` to the table, ADD layers from there to the
    requantiser; the link's words go straight to the encoder.

    From the drain to the writer's queue nothing ever waits: a word starts only if the queue has a place for
    it. A chain of ready signals through all of these stages would set the clock.
    """

    rx: stream.Interface
    tx: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__({"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config
        m.submodules.link = link = Link(config)
        m.submodules.sequencer = sequencer = Sequencer(config)
        m.submodules.finder = finder = EventFinder(config)
        m.submodules.tags = tags = Queue(TAG, TAG_DEPTH)
        m.submodules.events = events = Queue(event(config), EVENT_DEPTH)
        m.submodules.array = array = MacArray(config)
        m.submodules.drain = drain = Drain(config)
        m.submodules.state = state = StateUpdate(config)
        m.submodules.requantiser = requantiser = Requantiser(config)
        m.submodules.windows = windows = Windows(config)
        m.submodules.table = table = ActivationTable(config)
        m.submodules.encoder = encoder = DeltaEncoder(config)
        m.submodules.updates = updates = Queue(mask_update(config), UPDATE_DEPTH)
        m.submodules.credits = credits = Credits(UPDATE_DEPTH)
        m.submodules.writer = writer = MaskWriter(config)
        m.submodules.codes = codes = CodeMemory(config)

        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        wiring.connect(m, link.control, sequencer.control)
        layer = sequencer.layer
        for part in (link, finder, drain, state, requantiser, windows, table, encoder, writer):
            for name in layer.signature.members:
                m.d.comb += getattr(part.layer, name).eq(getattr(layer, name))

        # The main path.
        multiplying, adding, accepting = (layer.op == op for op in (Op.MAC, Op.ADD, Op.INPUT))
        wiring.connect(m, finder.events, events.i)
        wiring.connect(m, events.o, array.i)
        wiring.connect(m, finder.tags, tags.i)
        wiring.connect(m, array.o, drain.i)
        m.d.comb += [
            drain.tags.p.eq(tags.o.p),
            windows.tags.p.eq(tags.o.p),
            drain.tags.valid.eq(tags.o.valid & multiplying),
            windows.tags.valid.eq(tags.o.valid & ~multiplying),
        ]
        with m.If(multiplying):
            m.d.comb += tags.o.ready.eq(drain.tags.ready)
        with m.Else():
            m.d.comb += tags.o.ready.eq(windows.tags.ready)
        summed = stream.Signature(sum_word(config)).create()
        coded = stream.Signature(table_word(config)).create()
        received = stream.Signature(code_word(config)).create()
        self._admit(m, credits.room, drain.o, state.i)
        self._admit(m, credits.room, windows.sums, summed)
        self._admit(m, credits.room, windows.codes, coded)
        self._admit(m, credits.room, link.words, received)
        self._choose(m, adding, summed, state.o, requantiser.i)
        self._choose(m, multiplying | adding, requantiser.o, coded, table.i)
        self._choose(m, accepting, received, table.o, encoder.i)
        m.d.comb += [
            updates.i.p.eq(encoder.o.p),
            updates.i.valid.eq(encoder.o.valid),
            encoder.o.ready.eq(1),
            Assert(~updates.i.valid | updates.i.ready),
            credits.enter.eq(
                (state.i.valid & state.i.ready)
                | (summed.valid & summed.ready)
                | (coded.valid & coded.ready)
                | (received.valid & received.ready)
            ),
            credits.leave.eq(updates.o.valid & updates.o.ready),
        ]
        wiring.connect(m, updates.o, writer.i)

        # Memories.
        m.d.comb += [
            codes.encoder_en.eq(encoder.codes_en),
            codes.encoder_idle.eq(encoder.i.ready & ~encoder.i.valid),
            codes.encoder_address.eq(encoder.codes_address),
            encoder.codes_data.eq(codes.data),
            codes.window_en.eq(windows.read_en),
            codes.window_address.eq(windows.read_address),
            windows.read_grant.eq(codes.window_grant),
            windows.read_data.eq(codes.data),
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
            (sequencer, state, codes),
            ((array, Memory.WEIGHTS), (requantiser, Memory.PARAMS), (table, Memory.TABLES)),
        )

        # The sequencer's view.
        m.d.comb += [
            finder.start.eq(sequencer.start & ~accepting),
            writer.start.eq(sequencer.start),
            encoder.clear.eq(sequencer.start),
            writer.finish.eq(sequencer.finish),
            sequencer.finder_busy.eq(finder.busy),
            sequencer.tag_taken.eq(finder.tags.valid & finder.tags.ready),
            sequencer.retired.eq(writer.retired),
            sequencer.encoder_busy.eq(encoder.busy | updates.busy),
            sequencer.encoder_changed.eq(encoder.changed),
            sequencer.word_encoded.eq(encoder.i.valid & encoder.i.ready),
            sequencer.writer_busy.eq(writer.busy),
            sequencer.event_taken.eq(finder.events.valid & finder.events.ready & ~finder.events.p.null),
            sequencer.event_final.eq(finder.events.p.final),
            sequencer.event_macs.eq(finder.events.p.macs),
        ]
        return m

    @staticmethod
    def _admit(m: Module, room: Value, i: stream.Interface, o: stream.Interface) -> None:
        """Connect ``i`` to ``o`` while there is room."""
        m.d.comb += [o.p.eq(i.p), o.valid.eq(i.valid & room), i.ready.eq(o.ready & room)]

    @staticmethod
    def _choose(
        m: Module, first: Value, a: stream.Interface, b: stream.Interface, o: stream.Interface
    ) -> None:
        """Connect ``a`` to ``o`` while ``first``, else ``b``."""
        with m.If(first):
            m.d.comb += [o.p.eq(a.p), o.valid.eq(a.valid), a.ready.eq(o.ready)]
        with m.Else():
            m.d.comb += [o.p.eq(b.p), o.valid.eq(b.valid), b.ready.eq(o.ready)]

    @staticmethod
    def _connect_host(
        m: Module,
        bus: wiring.PureInterface,
        readable: tuple[wiring.Component, ...],
        write_only: tuple[tuple[wiring.Component, Memory], ...],
    ) -> None:
        """Hang the memories on the host's bus; those that do not answer give zeros, so answers are or-ed."""
        valid, answer = Const(0, 1), Const(0, 32)
        for part in readable:
            for name in ("memory", "column", "row", "w_en", "w_data", "r_en"):
                m.d.comb += getattr(part.host, name).eq(getattr(bus, name))
            valid, answer = valid | part.host.r_valid, answer | part.host.r_data
        m.d.comb += [bus.r_valid.eq(valid), bus.r_data.eq(answer)]
        for part, memory in write_only:
            m.d.comb += [
                part.write_en.eq(bus.w_en & (bus.memory == memory)),
                part.write_column.eq(bus.column),
                part.write_row.eq(bus.row),
                part.write_data.eq(bus.w_data),
            ]
