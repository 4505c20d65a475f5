"""From a byte stream to packets whose CRC is right."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import PACKET_BYTES
from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, SYNC

from .header import HEADER


class PacketReceiver(wiring.Component):
    """Hunts for SYNC, takes a packet into a buffer, checks it and offers it.

    A packet is offered from its last byte until ``header`` is taken; no byte is taken from ``i`` meanwhile.
    The consumer therefore takes ``header`` last, when it is through with the packet. Until then ``payload``
    gives the packet's bytes in order, as many as the consumer wants. If ``damaged`` is high, the length is
    above 1024 or the CRC is wrong: neither header nor payload can be relied on.

    Throughput: one byte a cycle, two cycles more a packet. Latency: the header is valid 2 cycles after the
    last byte, the first payload byte 2 cycles after the header.

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
                "payload": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = catalog.CRC32_ISO_HDLC(8).create()
        m.submodules.buffer = buffer = Memory(
            shape=8, depth=PACKET_BYTES, init=[], attrs={"ram_style": "block"}
        )
        write, read = buffer.write_port(), buffer.read_port()

        fields = Signal(8 * (HEADER_BYTES - 1), reset_less=True)  # type, sequence, length(2)
        index = Signal(range(PACKET_BYTES + 1))
        taken = Signal()
        fetched = Signal()  # the buffer's output is a byte of the payload
        fetch = Signal()
        advance = Signal()
        length = fields[16:]
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            crc.data.eq(self.i.payload),
            self.header.payload.kind.eq(fields[0:8]),
            self.header.payload.sequence.eq(fields[8:16]),
            self.header.payload.length.eq(length),
            # One counter addresses both ports: the buffer is never written and read in the same cycle.
            write.addr.eq(index),
            write.data.eq(self.i.payload),
            read.addr.eq(index),
            read.en.eq(fetch & ~write.en),
            fetch.eq(~fetched | advance),
            advance.eq(~self.payload.valid | self.payload.ready),
        ]

        with m.FSM():
            with m.State("SYNC"):
                m.d.comb += self.i.ready.eq(1)
                m.d.comb += crc.start.eq(1)
                m.d.sync += index.eq(0)
                with m.If(self.i.valid & (self.i.payload == SYNC)):
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += [self.i.ready.eq(1), crc.valid.eq(taken)]
                with m.If(taken):
                    m.d.sync += [fields.eq(Cat(fields[8:], self.i.payload)), index.eq(index + 1)]
                    with m.If(index == HEADER_BYTES - 2):
                        m.next = "LENGTH"
            with m.State("LENGTH"):
                m.d.sync += [index.eq(0), self.damaged.eq(length > PACKET_BYTES)]
                with m.If(length > PACKET_BYTES):
                    m.next = "OFFER"
                with m.Elif(length == 0):
                    m.next = "CRC"
                with m.Else():
                    m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                m.d.comb += [self.i.ready.eq(1), crc.valid.eq(taken), write.en.eq(taken)]
                with m.If(taken):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index + 1 == length):
                        m.d.sync += index.eq(0)
                        m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += [self.i.ready.eq(1), crc.valid.eq(taken)]
                with m.If(taken):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == CRC_BYTES - 1):
                        m.next = "VERIFY"
            with m.State("VERIFY"):
                m.d.sync += [index.eq(0), self.damaged.eq(~crc.match_detected)]
                m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += self.header.valid.eq(1)
                with m.If(fetch):
                    m.d.sync += fetched.eq(index != length)
                    with m.If(index != length):
                        m.d.sync += index.eq(index + 1)
                with m.If(advance):  # a register: a block RAM's output is late in its cycle
                    m.d.sync += [self.payload.valid.eq(fetched), self.payload.payload.eq(read.data)]
                with m.If(self.header.ready):
                    m.d.sync += [fetched.eq(0), self.payload.valid.eq(0)]
                    m.next = "SYNC"
        return m
