"""The modes that a user may ask for, as a mode for each tensor."""

from __future__ import annotations

from stillframe.contract import Mode, StillframeError

from .network import Modes, Network
from .planner import Profile, choose_modes

MODES = ("auto", "delta", "direct", "dense")
"""What ``mode`` may be: auto plans, the others put every tensor into that mode."""


def check_mode(mode: str) -> None:
    """See that ``mode`` is one of :data:`MODES`.

    Raises:
        StillframeError: It is not.
    """
    if mode not in MODES:
        raise StillframeError(
            f"mode: expected one of {', '.join(MODES)}, got {mode!r}", "choose one of these"
        )


def modes_for(network: Network, mode: str, profile: Profile | None) -> Modes:
    """The mode of each device tensor under ``mode``; ``profile`` is what ``auto`` plans by."""
    if mode == "auto":
        return choose_modes(network, profile)
    return [Mode[mode.upper()]] * len(network.tensors)
