"""The packets that travel over the byte stream between host and device.

    SYNC type sequence length(2) payload(length) crc(4)          all numbers little-endian

The CRC is CRC-32 (IEEE 802.3) over type, sequence, length and payload. The host sends one request and
waits for its response, which carries the same sequence number, the type with bit 7 set, and a payload
whose first byte is a :class:`Status`. A device ignores bytes outside a packet until the next SYNC.
A request whose sequence number is that of the request before it is a repetition, sent because the
response was lost: reads are done again, everything else is answered without being done twice.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum

SYNC = 0xA5
RESPONSE = 0x80
HEADER_BYTES = 5
CRC_BYTES = 4


class Packet(IntEnum):
    """Requests.

    HELLO: no payload. Takes the sequence number as the first of a session; a frame begun is dropped, and
        the next has to be a key frame.
    WRITE: memory(1) column(1) row(4), then 32-bit words for that row, the next, ...
    READ: memory(1) column(1) row(4) count(2). The response carries ``count`` 32-bit words
        after its status, at most 255.
    BEGIN: flags(1), bit 0 the key flag. Begins a frame; a frame begun and not run is dropped,
        after which only a key frame may begin.
    INPUT: runs of pixels in raster order, each skip(1) count(1) and count x channels int8 codes.
        Skipped pixels keep what the host sent last. Runs do not straddle packets.
    RUN: no payload. Runs the layers. The response carries the cycles of the frame (4) after
        its status: the sum of the layers' cycles.
    """

    HELLO = 1
    WRITE = 2
    READ = 3
    BEGIN = 4
    INPUT = 5
    RUN = 6


class Status(IntEnum):
    """First byte of a response."""

    OK = 0
    BAD_CRC = 1  # the packet was damaged: send it again
    BAD_SEQUENCE = 2  # a packet is missing: resynchronise (HELLO, then a key frame)
    BAD_REQUEST = 3  # unknown type, wrong length, or an address outside the memory
    NEEDS_KEY = 4  # the state is unknown (reset, new program, dropped frame): send a key frame
    NOT_BEGUN = 5  # INPUT or RUN without BEGIN
    INCOMPLETE = 6  # RUN before all pixels came that the mode needs, or more pixels than the frame has


READ_WORDS = 255
"""Largest count of a READ."""


def encode(kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """One packet as bytes. ``kind`` and ``sequence`` are 0 to 255; the payload at most 1024 bytes."""
    body = struct.pack("<BBH", kind, sequence, len(payload)) + payload
    return bytes([SYNC]) + body + struct.pack("<I", zlib.crc32(body))
