"""From a byte stream to packets whose CRC is right."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import PACKET_BYTES
from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, SYNC

from .header import HEADER, PAYLOAD_BYTE


class PacketReceiver(wiring.Component):
    """Hunts for SYNC, takes a packet into a buffer, checks it and offers it.

    A packet is offered from its last byte until ``header`` is taken; no byte is taken from ``i`` meanwhile.
    The consumer therefore takes ``header`` last, when it is through with the packet. Until then ``payload``
    gives the packet's bytes in order, as many as the consumer wants. If ``damaged`` is high, the length is
    above 1024 or the CRC is wrong: neither header nor payload can be relied on.

    Throughput: a byte every second cycle, in and out; the CRC takes half of one a cycle. Latency: the header
    is valid 4 cycles after the last byte, the first payload byte 2 cycles after the header.

    Members:
        i: Bytes from the host.
        header: The packet's header.
        damaged: Valid with ``header``.
        payload: The packet's payload; no valid byte after the last one.
    """

    i: stream.Interface
    header: stream.Interface
    damaged: Signal
    payload: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "header": Out(stream.Signature(HEADER)),
                "damaged": Out(1),
                "payload": Out(stream.Signature(PAYLOAD_BYTE)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        hunting = Signal()  # for SYNC; a reset costs the CRC no logic, its own ``start`` would
        m.submodules.crc = crc = ResetInserter(hunting)(catalog.CRC32_ISO_HDLC(4).create())
        m.submodules.buffer = buffer = Memory(
            shape=8, depth=PACKET_BYTES, init=[], attrs={"ram_style": "block"}
        )
        write, read = buffer.write_port(), buffer.read_port()

        byte = Signal(8, reset_less=True)
        came = Signal()  # the byte is there: decide; the CRC takes its lower half, then its upper half
        upper = Signal()
        taking = Signal()
        m.d.comb += [
            self.i.ready.eq(taking & ~came),
            crc.data.eq(Mux(upper, byte[4:], byte[:4])),
            crc.valid.eq(came | upper),
        ]
        m.d.sync += [came.eq(self.i.valid & self.i.ready), upper.eq(came & ~hunting)]
        with m.If(self.i.ready):
            m.d.sync += byte.eq(self.i.payload)

        fields = Signal(8 * (HEADER_BYTES - 1), reset_less=True)  # type, sequence, length(2)
        length = fields[16:]
        index = Signal(range(PACKET_BYTES + 1))
        reached = Signal()
        at_end = Signal()  # the same, in time: the index moves in every second cycle at most
        fetched = Signal()  # the buffer's output is a byte of the payload
        m.d.comb += [
            reached.eq(index == length),
            self.header.payload.kind.eq(fields[0:8]),
            self.header.payload.sequence.eq(fields[8:16]),
            self.header.payload.length.eq(length),
            # One counter addresses both ports: the buffer is never written and read in the same cycle.
            write.addr.eq(index),
            write.data.eq(byte),
            read.addr.eq(index),
            read.en.eq(0),
        ]
        m.d.sync += at_end.eq(reached)

        with m.FSM():
            with m.State("SYNC"):
                m.d.comb += [hunting.eq(1), taking.eq(1)]
                m.d.sync += index.eq(0)
                with m.If(came & (byte == SYNC)):
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += taking.eq(1)
                with m.If(came):
                    m.d.sync += [fields.eq(Cat(fields[8:], byte)), index.eq(index + 1)]
                    with m.If(index == HEADER_BYTES - 2):
                        m.d.sync += index.eq(0)
                        m.next = "LENGTH"
            with m.State("LENGTH"):
                m.d.sync += self.damaged.eq(length > PACKET_BYTES)
                m.next = "PAYLOAD"
                with m.If(length > PACKET_BYTES):
                    m.next = "OFFER"
            with m.State("PAYLOAD"):
                m.d.comb += [taking.eq(1), write.en.eq(came & ~at_end)]
                with m.If(came):
                    m.d.sync += index.eq(index + 1)
                    with m.If(at_end):  # the CRC's first byte
                        m.d.sync += index.eq(1)
                        m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += taking.eq(1)
                with m.If(came):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == CRC_BYTES - 1):
                        m.d.sync += index.eq(0)
                        m.next = "CRC'S END"
            with m.State("CRC'S END"):
                m.next = "VERIFY"
            with m.State("VERIFY"):
                m.d.sync += self.damaged.eq(~crc.match_detected)
                m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += [self.header.valid.eq(1), read.en.eq(~fetched & ~at_end)]
                with m.If(read.en):
                    m.d.sync += [fetched.eq(1), index.eq(index + 1)]
                with m.If(self.payload.ready):
                    m.d.sync += self.payload.valid.eq(0)
                with m.If(fetched & ~self.payload.valid):  # a block RAM's output is late: into a register
                    m.d.sync += [
                        self.payload.valid.eq(1),
                        self.payload.payload.value.eq(read.data),
                        self.payload.payload.last.eq(reached),
                        fetched.eq(0),
                    ]
                with m.If(self.header.ready):
                    m.d.sync += [fetched.eq(0), self.payload.valid.eq(0)]
                    m.next = "SYNC"
        return m
