"""The byte streams from and to the host, and the CRC over what passes."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

POLYNOMIAL = 0xEDB88320
"""Of CRC-32 (IEEE 802.3), the lowest bit first."""


class ByteLink(wiring.Component):
    """Gives and takes one byte at a time; the CRC takes it too, a bit a cycle.

    Throughput: a byte in 9 cycles.

    Members:
        rx, tx: The streams.
        get, get_ready, get_data: Takes a byte from ``rx`` in the cycle in which both are high.
        put, put_ready, put_data: Gives a byte to ``tx`` in the cycle in which both are high.
        restart: Pulse: the CRC begins anew.
        crc: The CRC's register, without its final inversion; rests while ``idle``.
        idle: All bytes so far are in the CRC.
    """

    rx: stream.Interface
    tx: stream.Interface
    get: Signal
    get_ready: Signal
    get_data: Signal
    put: Signal
    put_ready: Signal
    put_data: Signal
    restart: Signal
    crc: Signal
    idle: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "rx": In(stream.Signature(8)),
                "tx": Out(stream.Signature(8)),
                "get": In(1),
                "get_ready": Out(1),
                "get_data": Out(8),
                "put": In(1),
                "put_ready": Out(1),
                "put_data": In(8),
                "restart": In(1),
                "crc": Out(32, init=0xFFFFFFFF),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left = Signal(range(9))
        m.d.comb += [
            self.idle.eq(left == 0),
            self.get_data.eq(self.rx.payload),
            self.get_ready.eq(self.rx.valid & self.idle),
            self.rx.ready.eq(self.get & self.idle),
            self.put_ready.eq((~self.tx.valid | self.tx.ready) & self.idle),
        ]
        with m.If(self.tx.ready):
            m.d.sync += self.tx.valid.eq(0)
        with m.If(self.put & self.put_ready):
            m.d.sync += [self.tx.valid.eq(1), self.tx.payload.eq(self.put_data)]

        byte = Signal(8)
        with m.If(self.restart):
            m.d.sync += self.crc.eq(~0)
        with m.Elif((self.get & self.get_ready) | (self.put & self.put_ready)):
            m.d.sync += [byte.eq(Mux(self.get, self.get_data, self.put_data)), left.eq(8)]
        with m.Elif(~self.idle):
            feedback = self.crc[0] ^ byte[0]
            m.d.sync += [
                byte.eq(byte >> 1),
                left.eq(left - 1),
                self.crc.eq((self.crc >> 1) ^ Mux(feedback, POLYNOMIAL, 0)),
            ]
        return m
