"""Operator handlers by the operator's name in the TFLite schema."""

from __future__ import annotations

from collections.abc import Callable

from ..operation import Operation

Handler = Callable[[Operation], None]

HANDLERS: dict[str, Handler] = {}
"""What reads each supported operator into the graph."""


def handler(*ops: str) -> Callable[[Handler], Handler]:
    """Register a function as the handler of the operators named."""

    def register(function: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(ops, function))
        return function

    return register
