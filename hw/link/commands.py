"""What the device does on each request."""

from __future__ import annotations

from amaranth.hdl import C, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.memory_map import Memory
from stillframe.contract.packets import RESPONSE, Packet, Status
from stillframe.hw.signatures import FrameControl, HostBus

from .address import AddressCheck
from .frame import FrameProgress
from .header import HEADER, PAYLOAD_BYTE


class CommandProcessor(wiring.Component):
    """Executes requests one after the other and answers each of them.

    Requests and responses are those of :mod:`stillframe.contract.packets`. A packet is taken only when its
    response is on its way, so nothing is pipelined: a request waits for the one before it, and for
    ``control.busy``.

    The state of the model is unknown (``needs_key``) from reset, HELLO, a WRITE to LAYERS or BEGIN until a
    RUN ends well; BEGIN counts because a frame that is not run leaves the tensors of two frames mixed. A RUN
    or INPUT that fails drops the frame.

    Guarantees: ``bus`` is used only while ``control.busy`` is low, and not within 10 cycles of a word of the
    frame (it may be used between BEGIN and RUN, while ``control.accepting`` is high).

    Throughput: a byte of INPUT every second cycle; 9 cycles a written word, as many and the bus's time a read
    one. No stream's ready depends on the other streams' in the same cycle.

    Args:
        config: The array; gives the memories' sizes and the content of INFO.

    Members:
        header, damaged, payload: A packet, see :class:`~stillframe.hw.link.receiver.PacketReceiver`.
        session: A HELLO has come since the last reset. refused: Pulse, a damaged packet came.
        reply, reply_payload: Its response, see :class:`~stillframe.hw.link.sender.PacketSender`.
        runs, progress: The frame, see :class:`~stillframe.hw.link.frame.FrameReceiver`.
        bus: The memories.
        control: The sequencer.
    """

    header: stream.Interface
    damaged: Signal
    session: Signal
    refused: Signal
    payload: stream.Interface
    reply: stream.Interface
    reply_payload: stream.Interface
    runs: stream.Interface
    progress: wiring.PureInterface
    bus: wiring.PureInterface
    control: wiring.PureInterface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "header": In(stream.Signature(HEADER)),
                "damaged": In(1),
                "session": Out(1),
                "refused": Out(1),
                "payload": In(stream.Signature(PAYLOAD_BYTE)),
                "reply": Out(stream.Signature(HEADER)),
                "reply_payload": Out(stream.Signature(PAYLOAD_BYTE)),
                "runs": Out(stream.Signature(PAYLOAD_BYTE)),
                "progress": Out(FrameProgress()),
                "bus": Out(HostBus()),
                "control": Out(FrameControl()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        header, payload = self.header.payload, self.payload.payload
        control, progress, bus = self.control, self.progress, self.bus
        # The session.
        session = self.session
        last = Signal(8)  # sequence number of the request executed last
        outcome = Signal(Status)  # its status
        needs_key = Signal(init=1)
        begun = Signal()

        # What the header says: registers that are right from ACCEPT on, for the header stays.
        asks = {kind: Signal(name=f"asks_{kind.name.lower()}") for kind in Packet}
        fits = Signal()  # the payload has a length that its kind may have
        empty = Signal()
        is_next, is_repeated = Signal(), Signal()
        m.d.sync += [
            *(asks[kind].eq(header.kind == kind) for kind in Packet),
            fits.eq(0),
            empty.eq(header.length == 0),
            is_next.eq(header.sequence == (last + 1)[:8]),
            is_repeated.eq(header.sequence == last),
        ]
        with m.Switch(header.kind):
            with m.Case(Packet.HELLO, Packet.RUN):
                m.d.sync += fits.eq(header.length == 0)
            with m.Case(Packet.WRITE):
                m.d.sync += fits.eq((header.length >= 6) & (header.length[:2] == 2))
            with m.Case(Packet.READ):
                m.d.sync += fits.eq(header.length == 8)
            with m.Case(Packet.BEGIN):
                m.d.sync += fits.eq(header.length == 1)
            with m.Case(Packet.INPUT):
                m.d.sync += fits.eq(1)

        # The request: bytes come in at the upper end.
        index = Signal(3)  # of an argument or of a byte within a word; cycles waited
        address = Signal(48, reset_less=True)
        memory, column, row = address[:8], address[8:16], address[16:]
        count = Signal(16, reset_less=True)  # words to write or to read
        ended = Signal()  # the payload's last byte has been taken
        word = Signal(32, reset_less=True)

        # The response.
        status = Signal(Status)
        words = Signal(8)  # still to send
        none = Signal()  # there are none, known in time

        def refuse(reason: Status) -> None:
            """Answer without having executed anything."""
            m.d.sync += status.eq(reason)
            m.next = "REPLY"

        def finish(result: Status) -> None:
            """Answer what has been executed, and remember the answer in case it gets lost."""
            m.d.sync += [status.eq(result), outcome.eq(result)]
            m.next = "REPLY"

        def drop(result: Status) -> None:
            """As :meth:`finish`; the frame cannot be run any more."""
            m.d.sync += begun.eq(0)
            finish(result)

        def next_row() -> None:
            m.d.sync += row[:ADDRESS_BITS].eq(row[:ADDRESS_BITS] + 1)

        m.submodules.check = check = AddressCheck(self._config)
        m.d.comb += [
            check.memory.eq(memory),
            check.column.eq(column),
            check.row.eq(row),
            check.count.eq(count),
            check.write.eq(asks[Packet.WRITE]),
            bus.memory.eq(memory),
            bus.column.eq(column),
            bus.row.eq(row),
            bus.w_data.eq(word),
            control.key.eq(address[40]),  # BEGIN's only byte
            self.reply.payload.kind.eq(header.kind | RESPONSE),
            self.reply.payload.sequence.eq(header.sequence),
            self.reply.payload.length.eq(Cat(C(1, 2), words)),
        ]
        m.d.sync += none.eq(words == 0)
        with m.If(self.payload.ready & self.payload.valid):
            m.d.sync += ended.eq(payload.last)
        with m.If(self.runs.ready):
            m.d.sync += self.runs.valid.eq(0)

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [index.eq(0), words.eq(0), ended.eq(0)]
                with m.If(self.header.valid):
                    m.next = "ACCEPT"

            with m.State("ACCEPT"):
                m.d.sync += self.refused.eq(self.damaged)
                with m.If(self.damaged):
                    refuse(Status.BAD_CRC)
                with m.Elif(asks[Packet.HELLO] & fits):
                    m.d.sync += [session.eq(1), last.eq(header.sequence), needs_key.eq(1)]
                    drop(Status.OK)
                with m.Elif(~session | ~(is_next | is_repeated)):
                    refuse(Status.BAD_SEQUENCE)
                with m.Elif(is_repeated & ~asks[Packet.READ]):
                    m.d.sync += words.eq(asks[Packet.RUN] & (outcome == Status.OK))
                    refuse(outcome)
                with m.Else():
                    m.d.sync += last.eq(header.sequence)
                    m.next = "DISPATCH"

            with m.State("DISPATCH"):
                m.d.sync += count.eq(header.length[2:] - 1)  # of a WRITE
                with m.If(~fits):
                    finish(Status.BAD_REQUEST)
                with m.Elif(asks[Packet.RUN]):
                    m.next = "RUN"
                with m.Elif(~asks[Packet.INPUT]):
                    m.next = "ARGUMENTS"
                with m.Elif(~begun):
                    finish(Status.NOT_BEGUN)
                with m.Elif(empty):
                    finish(Status.OK)
                with m.Else():
                    m.next = "INPUT"

            with m.State("ARGUMENTS"):
                m.d.comb += self.payload.ready.eq(1)
                with m.If(self.payload.valid):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index[1] & index[2]):  # the seventh and eighth byte, of a READ
                        m.d.sync += count.eq(Cat(count[8:], payload.value))
                    with m.Else():
                        m.d.sync += address.eq(Cat(address[8:], payload.value))
                    with m.If(payload.last | (asks[Packet.WRITE] & (index == 5))):
                        m.d.sync += index.eq(0)
                        m.next = "CHECK"
                        with m.If(asks[Packet.BEGIN]):
                            m.next = "BEGIN"

            with m.State("CHECK"):
                with m.If(index != AddressCheck.LATENCY):
                    m.d.sync += index.eq(index + 1)
                with m.Elif(~control.busy):
                    m.d.sync += index.eq(0)
                    with m.If(check.fault):
                        finish(Status.BAD_REQUEST)
                    with m.Elif(asks[Packet.WRITE]):
                        m.next = "WRITE"
                        with m.If(memory == Memory.LAYERS):
                            m.d.sync += [needs_key.eq(1), begun.eq(0)]
                    with m.Else():
                        m.d.sync += words.eq(count)
                        finish(Status.OK)

            with m.State("WRITE"):
                m.d.comb += self.payload.ready.eq(~ended)
                with m.If(ended):
                    finish(Status.OK)
                with m.Elif(self.payload.valid):
                    m.d.sync += [word.eq(Cat(word[8:], payload.value)), index.eq(index + 1)]
                    with m.If(index == 3):
                        m.next = "STROBE"
            with m.State("STROBE"):
                m.d.comb += bus.w_en.eq(1)
                m.d.sync += index.eq(0)
                next_row()
                m.next = "WRITE"

            with m.State("BEGIN"), m.If(~control.busy):
                with m.If(needs_key & ~control.key):
                    drop(Status.NEEDS_KEY)
                with m.Else():
                    m.d.sync += [begun.eq(1), needs_key.eq(1)]
                    m.next = "BEGINNING"
            with m.State("BEGINNING"):
                m.d.comb += control.begin.eq(1)
                m.next = "LOWERING"
            with m.State("LOWERING"):  # cycles for the sequencer to lower accepting
                m.d.sync += index.eq(index + 1)
                with m.If(index == 3):
                    m.next = "LOADING"
            with m.State("LOADING"), m.If(control.accepting):
                m.next = "BEGUN"
            with m.State("BEGUN"):
                m.d.comb += progress.begin.eq(1)
                finish(Status.OK)

            with m.State("INPUT"):
                m.d.comb += self.payload.ready.eq(~self.runs.valid)
                with m.If(self.payload.valid & self.payload.ready):
                    m.d.sync += [self.runs.valid.eq(1), self.runs.payload.eq(payload)]
                    with m.If(payload.last):
                        m.next = "SETTLE"
            with m.State("SETTLE"), m.If(~self.runs.valid & progress.idle):
                with m.If(progress.truncated):
                    drop(Status.BAD_REQUEST)
                with m.Elif(progress.overflow):
                    drop(Status.INCOMPLETE)
                with m.Else():
                    finish(Status.OK)

            with m.State("RUN"):
                with m.If(~begun):
                    finish(Status.NOT_BEGUN)
                with m.Elif(~progress.complete):
                    drop(Status.INCOMPLETE)
                with m.Else():
                    m.next = "STARTING"
            with m.State("STARTING"):
                m.d.comb += control.run.eq(1)
                m.next = "RUNNING"
            with m.State("RUNNING"), m.If(control.done):
                m.d.sync += [needs_key.eq(0), words.eq(1)]
                drop(Status.OK)

            with m.State("REPLY"):
                m.d.comb += self.reply.valid.eq(1)
                with m.If(self.reply.ready):
                    m.next = "STATUS"
            with m.State("STATUS"):
                m.d.comb += [
                    self.reply_payload.valid.eq(1),
                    self.reply_payload.payload.value.eq(status),
                    self.reply_payload.payload.last.eq(none),
                ]
                with m.If(self.reply_payload.ready):
                    m.next = "FETCH"
                    with m.If(none):
                        m.next = "END"
            with m.State("FETCH"):
                m.d.sync += [index.eq(0), words.eq(words - 1), word.eq(control.cycles)]
                m.next = "SEND"
                with m.If(asks[Packet.READ]):
                    m.d.comb += bus.r_en.eq(1)
                    m.next = "READ"
            with m.State("READ"):
                m.d.sync += word.eq(bus.r_data)
                with m.If(bus.r_valid):
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [
                    self.reply_payload.valid.eq(1),
                    self.reply_payload.payload.value.eq(word[:8]),
                    self.reply_payload.payload.last.eq(none & (index == 3)),
                ]
                with m.If(self.reply_payload.ready):
                    m.d.sync += [word.eq(Cat(word[8:], payload.value)), index.eq(index + 1)]
                    with m.If(index == 3):
                        next_row()
                        m.next = "FETCH"
                        with m.If(none):
                            m.next = "END"
            with m.State("END"):
                m.d.comb += self.header.ready.eq(1)
                m.next = "IDLE"
        return m
