"""What a line may do to the bytes of a packet."""

from __future__ import annotations


def damaged(data: bytes, kind: str, bit: int, made_up: bytes) -> bytes:
    """Bytes, at least one, after a damage of that kind at a bit; as they are after one of another name."""
    at = bit // 8 % len(data)
    match kind:
        case "flip":
            return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "delete":
            return data[:at] + data[at + 1 + bit % 3 :]
        case "insert":
            return data[:at] + made_up + data[at:]
    return data
