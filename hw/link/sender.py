"""From a header and a payload to the bytes of a packet."""

from __future__ import annotations

from amaranth.hdl import C, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, SYNC

from .header import HEADER


class PacketSender(wiring.Component):
    """Frames a payload: SYNC, header, payload, CRC.

    ``header`` stays valid while the packet is sent and is taken with the packet's last byte.
    Throughput: one byte a cycle. Latency: 1 cycle from a payload byte to ``o``.

    Members:
        header: What to send; its ``length`` tells how many bytes ``payload`` gives.
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
                "payload": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = catalog.CRC32_ISO_HDLC(8).create()
        header = self.header.payload
        fields = Cat(header.kind, header.sequence, header.length, C(0, 16 - len(header.length)))
        index = Signal(range(max(HEADER_BYTES - 1, CRC_BYTES)))
        left = Signal.like(header.length)
        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), crc.data.eq(self.payload.payload)]
        with m.If(advance):
            m.d.sync += self.o.valid.eq(0)

        with m.FSM():
            with m.State("SYNC"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += index.eq(0)
                with m.If(self.header.valid & advance):
                    m.d.sync += [self.o.payload.eq(SYNC), self.o.valid.eq(1), left.eq(header.length)]
                    m.next = "HEADER"
            with m.State("HEADER"):
                byte = fields.word_select(index, 8)
                m.d.comb += [crc.data.eq(byte), crc.valid.eq(advance)]
                with m.If(advance):
                    m.d.sync += [self.o.payload.eq(byte), self.o.valid.eq(1), index.eq(index + 1)]
                    with m.If(index == HEADER_BYTES - 2):
                        m.d.sync += index.eq(0)
                        m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                with m.If(left == 0):
                    m.next = "CRC"
                with m.Else():
                    m.d.comb += [
                        self.payload.ready.eq(advance),
                        crc.valid.eq(advance & self.payload.valid),
                    ]
                    with m.If(advance & self.payload.valid):
                        m.d.sync += [
                            self.o.payload.eq(self.payload.payload),
                            self.o.valid.eq(1),
                            left.eq(left - 1),
                        ]
            with m.State("CRC"), m.If(advance):
                m.d.sync += [
                    self.o.payload.eq(crc.crc.word_select(index, 8)),
                    self.o.valid.eq(1),
                    index.eq(index + 1),
                ]
                with m.If(index == CRC_BYTES - 1):
                    m.d.comb += self.header.ready.eq(1)
                    m.next = "SYNC"
        return m
