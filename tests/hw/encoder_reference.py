"""What the delta encoder gives for an element, by docs/architecture.md ("The delta encoder")."""

from __future__ import annotations

from dataclasses import dataclass

from stillframe.contract import Mode


@dataclass(frozen=True)
class Coding:
    """How a tensor is encoded."""

    mode: Mode
    zero_point: int
    threshold: int
    key: bool


@dataclass(frozen=True)
class Encoded:
    """The code kept, whether it was sent, whether that is an event, and the event's value if so."""

    code: int
    sent: bool
    event: bool
    value: int


def encode(coding: Coding, code: int, before: int, real: bool) -> Encoded:
    """Encode ``code``, the element's value last sent being ``before``; padding is not ``real``."""
    last = coding.zero_point if coding.key else before
    threshold = 0 if coding.key else coding.threshold
    sent = real and abs(code - last) > threshold
    kept = code if sent else last
    if coding.mode == Mode.DELTA:
        return Encoded(kept, sent, sent, code - last)
    level = kept - coding.zero_point
    return Encoded(kept, sent, real and (coding.mode == Mode.DENSE or level != 0), level)
