"""What the array cannot do, as against what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from stillframe.contract import StillframeError


class UnsupportedError(StillframeError):
    """What the array cannot do, in a file that is whole: the host may do it instead."""


class NothingLeftError(UnsupportedError):
    """Nothing of a model is left for the array: its message is the first of ``refusals``.

    Attributes:
        refusals: Why each operator was refused, in the model's order; one or more.
    """

    def __init__(self, refusals: Sequence[UnsupportedError]) -> None:
        super().__init__(refusals[0].message, refusals[0].hint)
        self.refusals = tuple(refusals)
