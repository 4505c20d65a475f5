"""The modes that a user may ask for, as a plan for each tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stillframe.contract import Mode, StillframeError

from .channel_order import ordered
from .estimate import Estimator
from .network import Network
from .planner import Plan, make_plan
from .profile import Profile

MODES = ("auto", "delta", "direct", "dense")
"""What ``mode`` may be: auto plans, the others put every tensor into that mode."""

NO_PINS: Mapping[str, str] = {}


def check_mode(mode: str, pins: Mapping[str, str] = NO_PINS) -> None:
    """See that ``mode`` is one of :data:`MODES`, and that pins go with it.

    Raises:
        StillframeError: It is not, or they do not.
    """
    if mode not in MODES:
        raise StillframeError(
            f"mode: expected one of {', '.join(MODES)}, got {mode!r}", "choose one of these"
        )
    if pins and mode != "auto":
        raise StillframeError(
            f"mode: expected auto, since layers are pinned ({', '.join(pins)}), got {mode!r}",
            "leave the mode out, or pin nothing",
        )
    for name, pinned in pins.items():
        if pinned not in ("delta", "direct"):
            raise StillframeError(
                f"pin {name}={pinned}: expected delta or direct, got {pinned!r}", "choose one of these"
            )


def plan_for(network: Network, mode: str, profile: Profile | None, pins: Mapping[str, str] = NO_PINS) -> Plan:
    """The plan under ``mode``, for ``auto`` by the profile and within the state memory.

    With a profile the network of the plan has its channels in order (:func:`~.channel_order.ordered`).

    Raises:
        StillframeError: A pin cannot be kept (:func:`~.pins.pinned_tensors`).
    """
    modes = [Mode.DELTA if mode == "auto" else Mode[mode.upper()]] * len(network.tensors)
    if profile is not None:
        network = ordered(network, profile, modes)
    if mode != "auto":
        estimator = Estimator(network, profile) if profile is not None else None
        return Plan(network, modes, mode == "delta", {}, estimator)
    plan = make_plan(network, profile, pins)
    if profile is None or all(planned is Mode.DELTA for planned in plan.modes):
        return plan
    network = ordered(network, profile, plan.modes)
    return replace(plan, network=network, estimator=Estimator(network, profile))
