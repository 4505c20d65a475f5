"""Where the host's memories, and what the machine itself keeps, lie in its one memory: addresses of bytes."""

from __future__ import annotations

from dataclasses import dataclass

from stillframe.contract.array import PACKET_BYTES, ArrayConfig
from stillframe.contract.memory_map import INFO_FIELDS, Memory, columns, rows

from .memory import ADDRESS_BITS

BUFFER_OFFSET = 2
"""Of a packet's payload from a word's address: so that the words of a WRITE, behind 6 bytes, are aligned."""


@dataclass(frozen=True)
class Places:
    """First bytes.

    Attributes:
        host: Of the host's memories. Rows follow one another, the columns of a row too.
        events: Codes sent before those in CODES, of tensors whose events are differences.
        masks, flags: Mask bytes; a byte for each row flag.
        changed: A byte for each layer: has its output changed in this frame?
        buffer: The payload of a packet.
        cycles: Word: of the frame run last.
        end: Behind everything.
    """

    host: dict[Memory, int]
    events: int
    masks: int
    flags: int
    changed: int
    buffer: int
    cycles: int
    end: int

    @classmethod
    def of(cls, config: ArrayConfig) -> Places:
        """The places of an array's memories."""
        end = 0

        def take(size: int) -> int:
            nonlocal end
            start, end = end, end + (size + 3) // 4 * 4
            return start

        host: dict[Memory, int] = {}
        for memory in Memory:
            if memory not in (Memory.CODES, Memory.INFO):
                host[memory] = take(rows(memory, config) * columns(memory, config) * 4)
        host[Memory.INFO] = take(4 * len(INFO_FIELDS))
        cycles = take(4)
        buffer = take(PACKET_BYTES + BUFFER_OFFSET) + BUFFER_OFFSET
        changed = take(config.layers)
        host[Memory.CODES] = take(config.codes_words)
        events, masks, flags = take(config.events_words), take(config.masks_words), take(config.rows)
        assert end <= 1 << ADDRESS_BITS, f"{end} bytes"
        return cls(host, events, masks, flags, changed, buffer, cycles, end)
