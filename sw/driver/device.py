"""A device at the other end of a transport: its requests, and what it takes to get them answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ..contract import ArrayConfig, Memory, StillframeError
from ..contract.array import PACKET_BYTES
from ..contract.memory_map import INFO_FIELDS, MAGIC, PROTOCOL_VERSION, info_words
from ..contract.packets import READ_WORDS, RESPONSE, Packet, Status, encode
from .reader import MAX_PACKET_BYTES, PacketReader
from .transport import Transport

ATTEMPTS = 8
"""Times that a request is sent before the link counts as broken."""

GREETINGS = 3
"""Times that a HELLO is left without an answer, before the line is interrupted and after."""

WRITE_WORDS = (PACKET_BYTES - 6) // 4
"""32-bit words that fit into a WRITE."""


class LinkError(StillframeError):
    """The link to the device cannot be relied on any more: what was asked for may have been done or not."""


class RefusedError(LinkError):
    """The device understood a request and did not carry it out.

    Attributes:
        status: Why.
    """

    def __init__(self, request: str, status: Status) -> None:
        self.status = status
        reason, hint = _REFUSALS[status]
        super().__init__(f"device: expected {request} to be carried out, got {status.name}: {reason}", hint)


_REFUSALS = {
    Status.BAD_SEQUENCE: (
        "it was reset, or has talked to another program, since the last request",
        "open the device again; make sure that nothing else uses it",
    ),
    Status.BAD_REQUEST: (
        "it does not know the request, or the address lies outside its memories",
        "check memory, column and row; make sure that bitstream and driver are of the same version",
    ),
    Status.NEEDS_KEY: ("its state is unknown", "send the frame as a key frame"),
    Status.NOT_BEGUN: ("no frame has begun", "begin a frame first"),
    Status.INCOMPLETE: (
        "too few or too many pixels for the frame",
        "a key frame, and any frame in the modes direct and dense, needs every pixel once",
    ),
}


@dataclass
class LinkStatistics:
    """What travelled over the link, and what went wrong there.

    Attributes:
        sent, received: Bytes, those of failed attempts included.
        requests: Requests made.
        retries: Requests sent again.
        timeouts: Attempts without an answer.
        damaged_requests: Attempts that the device answered with BAD_CRC.
        damaged_responses: Byte sequences from the device that began like a packet and were none.
        resynchronisations: Sessions begun after the first one.
    """

    sent: int = 0
    received: int = 0
    requests: int = 0
    retries: int = 0
    timeouts: int = 0
    damaged_requests: int = 0
    damaged_responses: int = 0
    resynchronisations: int = 0


class Device:
    """Makes requests over a transport that may lose or damage bytes.

    Every request is repeated until its answer has come; the device carries it out once, however often it
    hears it.

    Args:
        transport: Closed together with the device.
        attempts: Times that a request is sent before a :class:`LinkError`.
        timeout: Seconds to wait for a byte of an answer; None for the transport's own patience.

    Raises (all methods that talk to the device):
        LinkError: No answer came.
        RefusedError: The device refuses.
    """

    def __init__(self, transport: Transport, attempts: int = ATTEMPTS, timeout: float | None = None) -> None:
        self._transport = transport
        self._reader = PacketReader(transport)
        self._attempts = attempts
        self._timeout = timeout
        self._sequence = 0
        self._line = transport.reconnections
        self._statistics = LinkStatistics()
        self._info: dict[str, int] | None = None

    @property
    def statistics(self) -> LinkStatistics:
        """A copy of the counts so far."""
        counts = vars(self._statistics) | {
            "received": self._reader.received,
            "damaged_responses": self._reader.damaged,
        }
        return LinkStatistics(**counts)

    @property
    def info(self) -> dict[str, int]:
        """The device's info memory by :data:`~stillframe.contract.memory_map.INFO_FIELDS`."""
        return dict(self._info if self._info is not None else self.hello())

    def hello(self) -> dict[str, int]:
        """Begin a session, whatever state the link is in; only a key frame may follow.

        Returns:
            :attr:`info`.

        Raises:
            StillframeError: What answers is not a Stillframe array, or of another version.
        """
        if self._info is not None:
            self._statistics.resynchronisations += 1
        try:
            self._greet()
        except LinkError:
            self._transport.interrupt()
            self._greet()
        words = self.read(Memory.INFO, 0, 0, len(INFO_FIELDS))
        info = dict(zip(INFO_FIELDS, map(int, words), strict=True))
        if info["magic"] != MAGIC:
            raise StillframeError(
                f"device: expected magic {MAGIC:#010x} in its info memory, got {info['magic']:#010x}",
                "this is not a Stillframe array; check which port and which bitstream it is",
            )
        if info["protocol_version"] != PROTOCOL_VERSION:
            raise StillframeError(
                f"device: expected protocol version {PROTOCOL_VERSION}, got {info['protocol_version']}",
                "load a bitstream made with this version of Stillframe",
            )
        self._info = info
        return dict(info)

    def _greet(self) -> None:
        self._flush()
        self._reader.discard()
        self._request(Packet.HELLO, b"", "HELLO", silences=GREETINGS)

    def check(self, config: ArrayConfig) -> None:
        """See that the device is the array ``config``, whatever part it is in.

        Raises:
            StillframeError: It is another one.
        """
        info = self.info
        expected = dict(zip(INFO_FIELDS, info_words(config), strict=True))
        wrong = [name for name in INFO_FIELDS if info[name] != expected[name]]
        if wrong:
            raise StillframeError(
                f"device: expected the array {config.name} that the program is compiled for with "
                + ", ".join(f"{name} {expected[name]}" for name in wrong)
                + "; got an array of "
                + f"{info['banks']}x{info['lanes']} with "
                + ", ".join(f"{name} {info[name]}" for name in wrong),
                "compile the model for the device's array (--array), or load the array's bitstream",
            )

    def write(
        self, memory: Memory, column: int, row: int, words: Sequence[int] | npt.NDArray[np.uint32]
    ) -> None:
        """Write words (unsigned, 32 bits) to a column of a memory, from ``row`` on."""
        data = np.asarray(words, dtype="<u4")
        for start in range(0, len(data), WRITE_WORDS):
            part = data[start : start + WRITE_WORDS]
            first = row + start
            self._request(
                Packet.WRITE,
                bytes([memory, column]) + first.to_bytes(4, "little") + part.tobytes(),
                f"WRITE of {memory.name} (column {column}, rows {first} to {first + len(part) - 1})",
            )

    def read(self, memory: Memory, column: int, row: int, count: int) -> npt.NDArray[np.uint32]:
        """Read ``count`` words (unsigned, 32 bits) of a column of a memory, from ``row`` on."""
        parts = [np.empty(0, np.uint32)]
        for first in range(row, row + count, READ_WORDS):
            length = min(READ_WORDS, row + count - first)
            answer = self._request(
                Packet.READ,
                bytes([memory, column]) + first.to_bytes(4, "little") + length.to_bytes(2, "little"),
                f"READ of {memory.name} (column {column}, rows {first} to {first + length - 1})",
                4 * length,
            )
            parts.append(np.frombuffer(answer, "<u4").astype(np.uint32))
        return np.concatenate(parts)

    def begin(self, key: bool) -> None:
        """Begin a frame; one that was begun and not run is dropped."""
        self._request(Packet.BEGIN, bytes([key]), "BEGIN of a key frame" if key else "BEGIN of a frame")

    def inputs(self, runs: bytes) -> None:
        """Give pixels of the frame: whole runs, at most 1024 bytes (see :mod:`.runs`)."""
        self._request(Packet.INPUT, runs, f"INPUT of {len(runs)} bytes")

    def run(self) -> int:
        """Run the frame; returns its cycles."""
        return int.from_bytes(self._request(Packet.RUN, b"", "RUN", 4), "little")

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(
        self, kind: Packet, payload: bytes, what: str, expected: int = 0, silences: int | None = None
    ) -> bytes:
        """Have a request carried out; returns the ``expected`` bytes after the response's status. It is given
        up earlier after so many ``silences``."""
        self._sequence = (self._sequence + 1) % 256
        packet = encode(kind, self._sequence, payload)
        self._statistics.requests += 1
        attempt, timeouts = 0, self._statistics.timeouts
        while attempt < self._attempts and self._statistics.timeouts - timeouts < (
            silences or self._attempts
        ):
            if attempt:
                self._statistics.retries += 1
                self._flush()
            attempt += 1
            self._send(packet)
            if kind == Packet.HELLO:
                self._line = self._transport.reconnections
            elif self._line != self._transport.reconnections:
                # Of all that is asked for in a session only its beginning may go to another device.
                raise LinkError(
                    f"link: expected the line to last during {what}, got it lost and found again",
                    "begin a session: another device may be at the other end",
                )
            answer = self._answer(kind)
            if answer is None:
                continue
            status, data = Status(answer[0]), answer[1:]
            if status != Status.OK:
                raise RefusedError(what, status)
            if len(data) != expected:
                raise LinkError(
                    f"link: expected {expected} bytes in answer to {what}, got {len(data)}",
                    "load a bitstream made with this version of Stillframe",
                )
            return data
        raise LinkError(
            f"link: expected an answer to {what}, got none that is whole in {attempt} attempts",
            "check power and cable, that nothing else uses the port, and that the bitstream is loaded",
        )

    def _answer(self, kind: Packet) -> bytes | None:
        """The payload of the response to the current request; None if the request is to be sent again."""
        self._reader.listen()
        while response := self._reader.next(self._timeout):
            # The sequence number of a damaged request is not to be relied on, nor is that in its answer.
            if response.payload == bytes([Status.BAD_CRC]):
                self._statistics.damaged_requests += 1
                return None
            if (
                response.kind == kind | RESPONSE
                and response.sequence == self._sequence
                and response.payload
                and response.payload[0] in (Status.OK, *_REFUSALS)
            ):
                return response.payload
            # Anything else answers an earlier copy of an earlier request, or is no answer.
        self._statistics.timeouts += 1
        return None

    def _send(self, data: bytes) -> None:
        self._transport.write(data)
        self._statistics.sent += len(data)

    def _flush(self) -> None:
        """End a packet of which the device has only a part: zeros are no SYNC."""
        self._send(bytes(MAX_PACKET_BYTES))
