"""A device in plain Python that speaks the packets of ``stillframe.contract.packets``.

It is written from the contract, not from the gateware, so that the two can be held against each other. Its
network gives away any pixel missed, and any taken in the wrong state: accumulators add up what changed since
the last frame, and the output is accumulator + first weight, modulo 256.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from stillframe.contract import ArrayConfig, Memory, Mode
from stillframe.contract.array import LAYER_WORDS, PACKET_BYTES
from stillframe.contract.layer import LAYER_FIELDS
from stillframe.contract.memory_map import READABLE, STATE_MASK, WRITABLE, columns, info_words, rows
from stillframe.contract.packets import HEADER_BYTES, READ_WORDS, RESPONSE, SYNC, Packet, Status, encode

CYCLES = 4242
"""Cycles that a frame takes here."""


@dataclass(frozen=True)
class Word:
    """A word of codes on its way to the encoder: (offset, codes, valid bits)."""

    offset: int
    codes: tuple[int, ...]
    valid: int


def unpack_layer(words: list[int]) -> dict[str, int]:
    """The fields of a descriptor."""
    fields = {}
    for field in LAYER_FIELDS.values():
        value = words[field.word] >> field.shift & (1 << field.width) - 1
        fields[field.name] = value - (field.signed and value >> field.width - 1) * (1 << field.width)
    return fields


class FakeDevice:
    """Takes bytes, gives bytes; powered on without a session and with memories full of zeros."""

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        self.power_on()

    def power_on(self) -> None:
        """As switched off and on."""
        self.memories = {
            m: np.zeros((columns(m, self.config), rows(m, self.config)), np.uint32) for m in Memory
        }
        self.memories[Memory.INFO][0] = info_words(self.config)
        self.words: list[Word] = []
        self.runs = 0
        self._frame_cycles = 0
        self.reset()

    def reset(self) -> None:
        """As by its reset: the memories stay."""
        self._buffer = bytearray()
        self._last: int | None = None
        self._outcome = Status.OK
        self._needs_key = True
        self._begun = False

    @property
    def in_session(self) -> bool:
        """A HELLO has come since the last reset."""
        return self._last is not None

    def feed(self, data: bytes) -> bytes:
        """What the device answers to these bytes."""
        answer = b""
        position = 0
        while position < len(data):
            if not self._buffer:  # only SYNC begins a packet
                position = data.find(SYNC, position)
                if position < 0:
                    break
            self._buffer.append(data[position])
            position += 1
            if len(self._buffer) >= HEADER_BYTES:
                kind, sequence, length = struct.unpack_from("<BBH", self._buffer, 1)
                end = HEADER_BYTES + length
                if length > PACKET_BYTES or len(self._buffer) == end + 4:
                    packet, self._buffer = bytes(self._buffer), bytearray()
                    reply = bytes([Status.BAD_CRC])
                    if length <= PACKET_BYTES and zlib.crc32(packet[1:end]) == int.from_bytes(
                        packet[end:], "little"
                    ):
                        reply = self.request(kind, sequence, packet[HEADER_BYTES:end])
                    answer += encode(kind | RESPONSE, sequence, reply)
        return answer

    def request(self, kind: int, sequence: int, payload: bytes) -> bytes:
        """The payload of the response to a request."""
        if kind == Packet.HELLO and not payload:
            self._needs_key, self._begun = True, False
        elif self._last is None or sequence not in (self._last, (self._last + 1) % 256):
            return bytes([Status.BAD_SEQUENCE])
        elif sequence == self._last and kind != Packet.READ:
            return bytes([self._outcome]) + self._cycles(kind, self._outcome)
        self._last = sequence
        self._outcome, data = self._execute(kind, payload)
        return bytes([self._outcome]) + data + self._cycles(kind, self._outcome)

    def encode(self, word: Word) -> None:
        """The delta encoder of the input, at threshold 0, and the first half of the network."""
        layer, codes = self.layer, self.memories[Memory.CODES][0]
        stored = codes[layer["out_codes"] + word.offset : layer["out_codes"] + word.offset + 1].view(np.int8)
        state = self.memories[Memory.STATE][:, word.offset]
        for d, code in enumerate(word.codes):
            change = code - (layer["out_zero_point"] if self.key else int(stored[d]))
            state[d] = (change + (0 if self.key else int(state[d]))) & STATE_MASK
            stored[d] = code

    def run(self) -> None:
        """The network's second half: accumulator + first weight, into the tensor of layer 1."""
        self.runs += 1
        state, codes = self.memories[Memory.STATE], self.memories[Memory.CODES][0]
        first = unpack_layer([int(w) for w in self.memories[Memory.LAYERS][0][LAYER_WORDS:]])["out_codes"]
        size = self.layer["out_height"] * self.layer["out_pitch"]
        total = (state[:, :size] + self.memories[Memory.WEIGHTS][0, 0]).astype(np.uint8).T
        words = np.zeros((size, 4), np.uint8)
        words[:, : self.config.drain] = total
        codes[first : first + size] = words.view("<u4")[:, 0]
        self.memories[Memory.COUNTERS][0, :8] = [size, 0, 0, 0, CYCLES - size, 7, 8, 9]

    def _cycles(self, kind: int, status: Status) -> bytes:
        return struct.pack("<I", self._frame_cycles) if kind == Packet.RUN and status == Status.OK else b""

    def _execute(self, kind: int, payload: bytes) -> tuple[Status, bytes]:
        match kind:
            case Packet.HELLO if not payload:
                return Status.OK, b""
            case Packet.WRITE if len(payload) >= 6 and len(payload) % 4 == 2:
                words = np.frombuffer(payload, "<u4", offset=6)
                return self._access(WRITABLE, *struct.unpack_from("<BBI", payload), len(words), words)
            case Packet.READ if len(payload) == 8 and payload[7] == 0 and payload[6] <= READ_WORDS:
                return self._access(READABLE, *struct.unpack("<BBIH", payload))
            case Packet.BEGIN if len(payload) == 1:
                return self._begin(bool(payload[0] & 1)), b""
            case Packet.INPUT:
                return self._input(payload), b""
            case Packet.RUN if not payload:
                return self._run(), b""
        return Status.BAD_REQUEST, b""

    def _access(
        self,
        allowed: frozenset[Memory],
        memory: int,
        column: int,
        row: int,
        count: int,
        words: np.ndarray | None = None,
    ) -> tuple[Status, bytes]:
        if memory not in allowed:
            return Status.BAD_REQUEST, b""
        content = self.memories[Memory(memory)]
        if column >= content.shape[0] or row + count > content.shape[1]:
            return Status.BAD_REQUEST, b""
        if words is None:
            return Status.OK, content[column, row : row + count].astype("<u4").tobytes()
        content[column, row : row + count] = words
        if memory == Memory.LAYERS:
            self._needs_key, self._begun = True, False
        return Status.OK, b""

    def _begin(self, key: bool) -> Status:
        if self._begun:
            self._needs_key = True
        self._begun = key or not self._needs_key
        if not self._begun:
            return Status.NEEDS_KEY
        self.layer = unpack_layer([int(word) for word in self.memories[Memory.LAYERS][0]])
        self.key = key
        self._position, self._skipped = 0, False
        return Status.OK

    def _input(self, payload: bytes) -> Status:
        if not self._begun:
            return Status.NOT_BEGUN
        layer, drain = self.layer, self.config.drain
        size = layer["out_height"] * layer["out_width"]
        while payload:
            if len(payload) < 2:
                return self._drop(Status.BAD_REQUEST)
            skip, count, payload = payload[0], payload[1], payload[2:]
            self._position += skip
            self._skipped |= skip > 0
            if self._position > size:
                return self._drop(Status.INCOMPLETE)
            for left in range(count, 0, -1):
                if not payload:
                    return self._drop(Status.BAD_REQUEST)
                if self._position == size:
                    return self._drop(Status.INCOMPLETE)
                y, x = divmod(self._position, layer["out_width"])
                pixel, payload = payload[: layer["in_channels"]], payload[layer["in_channels"] :]
                codes = struct.unpack(f"{len(pixel)}b", pixel)
                whole = len(codes) == layer["in_channels"]
                for w in range(layer["out_words"]):
                    part = codes[w * drain : (w + 1) * drain]
                    if len(part) == drain or (part and whole):
                        offset = y * layer["out_pitch"] + w * layer["out_width"] + x
                        padding = (layer["out_zero_point"],) * (drain - len(part))
                        self.words.append(Word(offset, part + padding, (1 << len(part)) - 1))
                        self.encode(self.words[-1])
                if not whole or (left > 1 and not payload):
                    return self._drop(Status.BAD_REQUEST)
                self._position += 1
        return Status.OK

    def _run(self) -> Status:
        if not self._begun:
            return Status.NOT_BEGUN
        layer = self.layer
        whole = self._position == layer["out_height"] * layer["out_width"] and not self._skipped
        if not whole and (self.key or layer["out_mode"] != Mode.DELTA):
            return self._drop(Status.INCOMPLETE)
        self._needs_key, self._begun = False, False
        self.run()
        self._frame_cycles = CYCLES
        return Status.OK

    def _drop(self, status: Status) -> Status:
        self._needs_key, self._begun = True, False
        return status
