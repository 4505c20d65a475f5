"""What the device does on each request."""

from __future__ import annotations

from amaranth.hdl import C, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig
from stillframe.contract.memory_map import Memory
from stillframe.contract.packets import RESPONSE, Packet, Status
from stillframe.hw.signatures import FrameControl, HostBus

from .address import AddressCheck, InfoMemory
from .frame import RUN_BYTE, FrameProgress
from .header import HEADER


class CommandProcessor(wiring.Component):
    """Executes requests one after the other and answers each of them.

    Requests and responses are those of :mod:`stillframe.contract.packets`. A packet is taken only when its
    response is on its way, so nothing is pipelined: a request waits for the one before it, and for
    ``control.busy``.

    The state of the model is unknown (``needs_key``) from reset, HELLO, a WRITE to LAYERS or BEGIN until a
    RUN ends well; BEGIN counts because a frame that is not run leaves the tensors of two frames mixed. A RUN
    or INPUT that fails drops the frame.

    Guarantees: ``bus`` is used only while ``control.busy`` is low, and not within 10 cycles of a word of the
    frame (it may be used between BEGIN and RUN, while ``control.accepting`` is high). INFO is answered here,
    without the bus.

    Throughput: 5 cycles a written word; a read one takes 5 cycles and the bus's time.

    Args:
        config: The array; gives the memories' sizes and the content of INFO.

    Members:
        header, damaged, payload: A packet, see :class:`~stillframe.hw.link.receiver.PacketReceiver`.
        reply, reply_payload: Its response, see :class:`~stillframe.hw.link.sender.PacketSender`.
        runs, progress: The frame, see :class:`~stillframe.hw.link.frame.FrameReceiver`.
        bus: The memories.
        control: The sequencer.
    """

    header: stream.Interface
    damaged: Signal
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
                "payload": In(stream.Signature(8)),
                "reply": Out(stream.Signature(HEADER)),
                "reply_payload": Out(stream.Signature(8)),
                "runs": Out(stream.Signature(RUN_BYTE)),
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
        session = Signal()  # a HELLO has come
        last = Signal(8)  # sequence number of the request executed last
        outcome = Signal(Status)  # its status
        needs_key = Signal(init=1)
        begun = Signal()
        cycles = Signal(32, reset_less=True)  # of the last RUN

        # The request.
        arguments = Signal(4)  # bytes before the words
        index = Signal(4)  # of an argument or of a byte within a word; cycles waited
        memory = Signal(8, reset_less=True)  # also the flags of BEGIN
        column = Signal(8, reset_less=True)
        row = Signal(32, reset_less=True)
        count = Signal(16, reset_less=True)  # words to write or to read, bytes of INPUT
        next_count = Signal(16)
        none, one = Signal(), Signal()  # count is 0, is 1: known in time for what they steer
        word = Signal(32, reset_less=True)

        # The response.
        status = Signal(Status)
        words = Signal(8)

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

        m.submodules.info = info = InfoMemory(self._config)
        m.submodules.check = check = AddressCheck(self._config)
        m.d.comb += [
            next_count.eq(count),
            check.memory.eq(memory),
            check.column.eq(column),
            check.row.eq(row),
            check.count.eq(count),
            check.write.eq(header.kind == Packet.WRITE),
            info.row.eq(row),
            bus.memory.eq(memory),
            bus.column.eq(column),
            bus.row.eq(row),
            bus.w_data.eq(word),
            control.key.eq(memory[0]),
            self.runs.payload.value.eq(payload),
            self.runs.payload.last.eq(one),
            self.reply.payload.kind.eq(header.kind | RESPONSE),
            self.reply.payload.sequence.eq(header.sequence),
            self.reply.payload.length.eq(1 + Cat(C(0, 2), words)),
        ]

        m.d.sync += [count.eq(next_count), none.eq(next_count == 0), one.eq(next_count == 1)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [index.eq(0), words.eq(0)]
                m.d.comb += next_count.eq(0)
                with m.If(self.header.valid):
                    m.next = "ACCEPT"

            with m.State("ACCEPT"):
                is_next = header.sequence == (last + 1)[:8]
                is_repeated = header.sequence == last
                with m.If(self.damaged):
                    refuse(Status.BAD_CRC)
                with m.Elif((header.kind == Packet.HELLO) & (header.length == 0)):
                    m.d.sync += [session.eq(1), last.eq(header.sequence), needs_key.eq(1)]
                    drop(Status.OK)
                with m.Elif(~session | ~(is_next | is_repeated)):
                    refuse(Status.BAD_SEQUENCE)
                with m.Elif(is_repeated & (header.kind != Packet.READ)):
                    m.d.sync += words.eq((header.kind == Packet.RUN) & (outcome == Status.OK))
                    refuse(outcome)
                with m.Else():
                    m.d.sync += last.eq(header.sequence)
                    m.next = "DISPATCH"

            with m.State("DISPATCH"):
                finish(Status.BAD_REQUEST)  # unless one of the following knows better
                with m.Switch(header.kind):
                    with m.Case(Packet.WRITE):
                        m.d.sync += arguments.eq(6)
                        with m.If((header.length >= 6) & (header.length[:2] == 2)):
                            m.next = "ARGUMENTS"
                    with m.Case(Packet.READ):
                        m.d.sync += arguments.eq(8)
                        with m.If(header.length == 8):
                            m.next = "ARGUMENTS"
                    with m.Case(Packet.BEGIN):
                        m.d.sync += arguments.eq(1)
                        with m.If(header.length == 1):
                            m.next = "ARGUMENTS"
                    with m.Case(Packet.INPUT):
                        with m.If(~begun):
                            finish(Status.NOT_BEGUN)
                        with m.Elif(header.length == 0):
                            finish(Status.OK)
                        with m.Else():
                            m.d.comb += next_count.eq(header.length)
                            m.next = "INPUT"
                    with m.Case(Packet.RUN), m.If(header.length == 0):
                        m.next = "RUN"

            with m.State("ARGUMENTS"):
                m.d.comb += self.payload.ready.eq(index != arguments)
                with m.If(self.payload.valid & self.payload.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.Switch(index):
                        targets = (memory, column, *(row.word_select(n, 8) for n in range(4)))
                        for i, target in enumerate(targets):
                            with m.Case(i):
                                m.d.sync += target.eq(payload)
                        for i in range(2):
                            with m.Case(len(targets) + i):
                                m.d.comb += next_count.word_select(i, 8).eq(payload)
                with m.If(index == arguments):
                    m.d.sync += index.eq(0)
                    with m.Switch(header.kind):
                        with m.Case(Packet.BEGIN):
                            m.next = "BEGIN"
                        with m.Case(Packet.WRITE):
                            m.d.comb += next_count.eq(header.length[2:] - 1)
                            m.next = "CHECK"
                        with m.Default():
                            m.next = "CHECK"

            with m.State("CHECK"):
                m.d.sync += index.eq(index + 1)
                with m.If((index == AddressCheck.LATENCY) & ~control.busy):
                    m.d.sync += index.eq(0)
                    with m.If(check.fault):
                        finish(Status.BAD_REQUEST)
                    with m.Elif(header.kind == Packet.WRITE):
                        m.next = "WRITE"
                        with m.If(memory == Memory.LAYERS):
                            m.d.sync += [needs_key.eq(1), begun.eq(0)]
                    with m.Else():
                        m.d.sync += words.eq(count)
                        finish(Status.OK)

            with m.State("WRITE"):
                with m.If(none):
                    finish(Status.OK)
                with m.Else():
                    m.d.comb += self.payload.ready.eq(1)
                    with m.If(self.payload.valid):
                        m.d.sync += [word.eq(Cat(word[8:], payload)), index.eq(index + 1)]
                        with m.If(index == 3):
                            m.next = "STROBE"
            with m.State("STROBE"):
                m.d.comb += bus.w_en.eq(1)
                m.d.sync += [row.eq(row + 1), index.eq(0)]
                m.d.comb += next_count.eq(count - 1)
                m.next = "WRITE"

            with m.State("BEGIN"), m.If(~control.busy):
                with m.If(needs_key & ~memory[0]):
                    drop(Status.NEEDS_KEY)
                with m.Else():
                    m.d.comb += control.begin.eq(1)
                    m.d.sync += [begun.eq(1), needs_key.eq(1)]
                    m.next = "BEGINNING"
            with m.State("BEGINNING"):  # a cycle for the sequencer to lower accepting
                m.next = "LOADING"
            with m.State("LOADING"), m.If(control.accepting):
                m.d.comb += progress.begin.eq(1)
                finish(Status.OK)

            with m.State("INPUT"):
                m.d.comb += [
                    self.runs.valid.eq(self.payload.valid),
                    self.payload.ready.eq(self.runs.ready),
                ]
                with m.If(self.payload.valid & self.payload.ready):
                    m.d.comb += next_count.eq(count - 1)
                    with m.If(one):
                        m.next = "SETTLE"
            with m.State("SETTLE"), m.If(progress.idle):
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
                    m.d.comb += control.run.eq(1)
                    m.next = "RUNNING"
            with m.State("RUNNING"), m.If(control.done):
                m.d.sync += [cycles.eq(control.cycles), needs_key.eq(0), words.eq(1)]
                drop(Status.OK)

            with m.State("REPLY"):
                m.d.comb += next_count.eq(words)
                m.d.comb += [
                    self.reply.valid.eq(1),
                    self.reply_payload.valid.eq(1),
                    self.reply_payload.payload.eq(status),
                ]
                with m.If(self.reply_payload.ready):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.reply.valid.eq(1)
                m.d.sync += index.eq(0)
                with m.If(none):
                    m.next = "END"
                with m.Elif(header.kind == Packet.RUN):
                    m.d.sync += word.eq(cycles)
                    m.next = "SEND"
                with m.Elif(memory == Memory.INFO):
                    m.d.sync += word.eq(info.word)
                    m.next = "SEND"
                with m.Else():
                    m.d.comb += bus.r_en.eq(1)
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += self.reply.valid.eq(1)
                m.d.sync += word.eq(bus.r_data)
                with m.If(bus.r_valid):
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [
                    self.reply.valid.eq(1),
                    self.reply_payload.valid.eq(1),
                    self.reply_payload.payload.eq(word[:8]),
                ]
                with m.If(self.reply_payload.ready):
                    m.d.sync += [word.eq(Cat(word[8:], payload)), index.eq(index + 1)]
                    with m.If(index == 3):
                        m.d.sync += row.eq(row + 1)
                        m.d.comb += next_count.eq(count - 1)
                        m.next = "FETCH"
            with m.State("END"):
                m.d.comb += self.reply.valid.eq(1)
                with m.If(self.reply.ready):
                    m.d.comb += self.header.ready.eq(1)
                    m.next = "IDLE"
        return m
