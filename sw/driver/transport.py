"""The byte stream between host and device: what a board's driver and the simulation both implement."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from types import TracebackType


class Transport(ABC):
    """Bytes to a device and from it, in order. Bytes may get lost or damaged; the packets on top notice.

    Attributes:
        reconnections: Times that the line was lost and found again, perhaps with another device at its end.
    """

    reconnections: int = 0

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send bytes; may return before the device has them."""

    @abstractmethod
    def read(self, n: int, timeout: float | None = None) -> bytes:
        """Receive bytes.

        Args:
            n: Bytes wanted.
            timeout: Seconds (of the device's time, for a simulated one) to wait for the next byte; None for
                the transport's own patience, which is longer than any frame takes; 0 for the bytes there
                already.

        Returns:
            ``n`` bytes, or those that came before the time was over.
        """

    def clock(self) -> float:
        """Seconds since some moment, of the time that timeouts are in."""
        return time.monotonic()

    def interrupt(self) -> None:  # noqa: B027  (most lines have no such thing)
        """Have the device start anew, whatever it was doing, if the line can tell it to."""

    @abstractmethod
    def close(self) -> None:
        """Release the device; a second time does nothing."""

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
