"""A link that does to bytes whatever links do, at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from stillframe.contract.packets import CRC_BYTES, HEADER_BYTES, SYNC
from stillframe.driver import Transport

FAULTS = ("flip", "drop", "insert", "lose", "cut", "repeat", "swap", "delay", "merge", "out", "reset")
"""What strikes a request or an answer: bits change; bytes go missing; bytes are made up; all of it is gone;
its end is gone; all of it comes twice or three times; its halves come in the other order; it comes behind the
next one; its end is gone together with the next one's beginning; it and some more, both ways, are gone; the
device starts anew."""


class BadLink(Transport):
    """Between the driver and any other transport.

    Args:
        line: The flawless one.
        reset: Has the device start anew.
        seed: Of all that happens.

    Attributes:
        rate: Probability that a request or an answer is struck; may change at any time.
        struck: Faults so far, by kind.
        spoilt: Requests so far that the device cannot have got whole when they were sent.
    """

    def __init__(self, line: Transport, reset: Callable[[], None], seed: int) -> None:
        self.line, self.rate = line, 0.0
        self._reset = reset
        self.struck: Counter[str] = Counter()
        self.spoilt = 0
        self._rng = random.Random(seed)
        self._late: dict[bool, bytes] = {False: b"", True: b""}
        self._missing = {False: 0, True: 0}
        self._out = 0
        self._arrived = bytearray()

    def write(self, data: bytes) -> None:
        got = self._strike(data, False)
        self.spoilt += data[0] == SYNC and data not in got
        self.line.write(got)

    def read(self, n: int, timeout: float | None = None) -> bytes:
        while len(self._arrived) < n and (answer := self._answer(timeout)):
            self._arrived += self._strike(answer, True)
        data = bytes(self._arrived[:n])
        del self._arrived[:n]
        return data

    def clock(self) -> float:
        return self.line.clock()

    def close(self) -> None:
        self.line.close()

    def _answer(self, timeout: float | None) -> bytes:
        """The device's next answer; what there is of it if it does not come whole."""
        header = self.line.read(HEADER_BYTES, timeout)
        if len(header) < HEADER_BYTES:
            return header
        return header + self.line.read(int.from_bytes(header[3:], "little") + CRC_BYTES, timeout)

    def _strike(self, data: bytes, to_host: bool) -> bytes:
        """What arrives instead of a request or an answer."""
        if not data:
            return data
        if self._out:
            self._out -= 1
            return b""
        gone, self._missing[to_host] = self._missing[to_host], 0
        late, self._late[to_host] = self._late[to_host], b""
        data = data[gone:]
        if data and self._rng.random() < self.rate:
            kind = self._rng.choice(FAULTS)
            self.struck[kind] += 1
            data = self._damaged(kind, data, to_host)
        return data + late

    def _damaged(self, kind: str, data: bytes, to_host: bool) -> bytes:
        rng, at = self._rng, self._rng.randrange(len(data))
        match kind:
            case "flip":
                changed = bytearray(data)
                for _ in range(rng.randint(1, 4)):
                    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                return bytes(changed)
            case "drop":
                return data[:at] + data[at + rng.randint(1, 4) :]
            case "insert":
                made_up = bytes(rng.choice((SYNC, rng.randrange(256))) for _ in range(rng.randint(1, 4)))
                return data[:at] + made_up + data[at:]
            case "cut":
                return data[:at]
            case "repeat":
                return data * rng.randint(2, 3)
            case "swap":
                return data[at:] + data[:at]
            case "delay":
                self._late[to_host] = data
            case "merge":
                self._missing[to_host] = rng.randint(1, 8)
                return data[:at]
            case "out":
                self._out = rng.randint(1, 30)
            case "reset":
                self._reset()
        return b""
