"""Finds packets in the bytes that a device sends, however many of them are lost or damaged."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from ..contract.array import PACKET_BYTES
from ..contract.packets import CRC_BYTES, HEADER_BYTES, SYNC
from .transport import Transport

MAX_PACKET_BYTES = HEADER_BYTES + PACKET_BYTES + CRC_BYTES
"""Bytes of the longest packet."""

NOISE_BYTES = 64 * MAX_PACKET_BYTES
"""Bytes that are not the packet waited for after which waiting is given up."""

NOISE_SECONDS = 10.0
"""How long they may go on, however few they are: longer than any frame takes."""


class Response(NamedTuple):
    """A packet whose CRC is right."""

    kind: int
    sequence: int
    payload: bytes


class PacketReader:
    """Takes packets out of a transport's bytes.

    Nothing that arrived whole is missed: after bytes that only look like a packet the search goes on one byte
    after their SYNC.

    Attributes:
        damaged: Bytes sequences so far that began like a packet and were none.
        received: Bytes so far.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self.damaged = 0
        self.received = 0
        self.listen()

    def listen(self) -> None:
        """From now on another packet is waited for: what may come before it is counted anew."""
        self._most = self.received + NOISE_BYTES
        self._since: float | None = None  # the first byte came

    def next(self, timeout: float | None) -> Response | None:
        """The next packet; ``timeout`` as in :meth:`Transport.read`.

        Returns:
            None if none comes in time, or there have been :data:`NOISE_BYTES` or :data:`NOISE_SECONDS` of
            bytes, packets among them or not, since :meth:`listen`.
        """
        while True:
            packet, wanted = self._search()
            if packet or self._enough():
                return packet
            data = self._transport.read(wanted, timeout)
            self.received += len(data)
            self._buffer += data
            if data and self._since is None:
                self._since = self._transport.clock()
            if len(data) < wanted:
                return self._salvage()

    def discard(self) -> None:
        """Forget what has arrived so far."""
        self._buffer.clear()
        self.listen()
        while not self._enough() and (data := self._transport.read(MAX_PACKET_BYTES, 0)):
            self.received += len(data)

    def _enough(self) -> bool:
        """Whether there have been too many bytes, for too long, to wait for more."""
        return self.received >= self._most or (
            self._since is not None and self._transport.clock() - self._since > NOISE_SECONDS
        )

    def _search(self) -> tuple[Response | None, int]:
        """A packet out of the buffer, or how many more bytes it takes to tell."""
        buffer = self._buffer
        while True:
            start = buffer.find(SYNC)
            del buffer[: start if start >= 0 else len(buffer)]
            if len(buffer) < HEADER_BYTES:
                return None, HEADER_BYTES - len(buffer)
            kind, sequence, length = struct.unpack_from("<BBH", buffer, 1)
            if length <= PACKET_BYTES:
                end = HEADER_BYTES + length
                if len(buffer) < end + CRC_BYTES:
                    return None, end + CRC_BYTES - len(buffer)
                (crc,) = struct.unpack_from("<I", buffer, end)
                if crc == zlib.crc32(buffer[1:end]):
                    packet = Response(kind, sequence, bytes(buffer[HEADER_BYTES:end]))
                    del buffer[: end + CRC_BYTES]
                    return packet, 0
            self._skip()

    def _salvage(self) -> Response | None:
        """A whole packet behind one that was cut short."""
        packet, _ = self._search()
        while not packet and self._buffer:
            self._skip()
            packet, _ = self._search()
        return packet

    def _skip(self) -> None:
        self.damaged += 1
        del self._buffer[0]
