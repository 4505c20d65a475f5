"""What the array cannot do, as against what is wrong."""

from __future__ import annotations

from stillframe.contract import StillframeError


class UnsupportedError(StillframeError):
    """What the array cannot do, in a file that is whole: the host may do it instead."""
