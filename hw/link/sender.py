"""From a header and a payload to the bytes of a packet."""

from __future__ import annotations

from amaranth.hdl import C, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, SYNC

from .header import HEADER, PAYLOAD_BYTE


class PacketSender(wiring.Component):
    """Frames a payload: SYNC, header, payload, CRC.

    A header is taken when it has been sent, then the payload up to its last byte; it has at least one.
    Throughput: a byte every second cycle; the CRC takes half of one a cycle. Latency: 1 cycle from a payload
    byte to ``o``.

    Members:
        header: What to send; its ``length`` is the number of bytes that ``payload`` gives.
        payload: The payload's bytes.
        o: Bytes to the host.
    """

    header: stream.Interface
    payload: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "header": In(stream.Signature(HEADER)),
                "payload": In(stream.Signature(PAYLOAD_BYTE)),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        restart = Signal()  # a reset costs the CRC no logic, its own ``start`` would
        m.submodules.crc = crc = ResetInserter(restart)(catalog.CRC32_ISO_HDLC(4).create())
        header = self.header.payload
        fields = Cat(header.kind, header.sequence, header.length, C(0, 16 - len(header.length)))
        index = Signal(range(max(HEADER_BYTES - 1, CRC_BYTES)))

        byte = Signal(8)
        put = Signal()  # send the byte
        counts = Signal()  # it belongs to what the CRC covers
        lower, upper = Signal(), Signal()  # the CRC takes this half of the byte being sent
        free = ~self.o.valid  # then the CRC is at the byte's upper half, or through
        m.d.comb += [
            crc.data.eq(Mux(upper, self.o.payload[4:], self.o.payload[:4])),
            crc.valid.eq(lower | upper),
        ]
        m.d.sync += [lower.eq(put & counts), upper.eq(lower)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(put):
            m.d.sync += [self.o.payload.eq(byte), self.o.valid.eq(1), index.eq(index + 1)]

        with m.FSM():
            with m.State("SYNC"):
                m.d.comb += [restart.eq(1), byte.eq(SYNC), put.eq(self.header.valid & free)]
                with m.If(put):
                    m.d.sync += index.eq(0)
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += [byte.eq(fields.word_select(index, 8)), counts.eq(1), put.eq(free)]
                with m.If(put & (index == HEADER_BYTES - 2)):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.header.ready.eq(1)
                m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                m.d.comb += [
                    self.payload.ready.eq(free),
                    byte.eq(self.payload.payload.value),
                    counts.eq(1),
                    put.eq(self.payload.valid & free),
                ]
                with m.If(put & self.payload.payload.last):
                    m.d.sync += index.eq(0)
                    m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += [byte.eq(crc.crc.word_select(index, 8)), put.eq(free & ~upper)]
                with m.If(put & (index == CRC_BYTES - 1)):
                    m.next = "SYNC"
        return m
