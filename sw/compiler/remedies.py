"""What to do about a network whose memories are too small: another mode, a larger part, a smaller model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stillframe.contract import ArrayConfig, Mode, Op, StillframeError
from stillframe.contract.parts import PARTS, VIRTUAL

from .memory import Placement, place
from .modes import NO_PINS, plan_for
from .network import Network
from .profile import Profile
from .tailored import tailored


class TooLargeError(StillframeError):
    """A network for which the memories of an array are too small."""


def too_large(
    network: Network,
    mode: str,
    profile: Profile | None,
    placement: Placement,
    pins: Mapping[str, str] = NO_PINS,
) -> TooLargeError:
    """The message that memories are short, with what would help.

    Args:
        network: The network, lowered for its array.
        mode, profile, pins: As it was to be compiled.
        placement: The placement that does not fit.
    """
    config = network.config
    short = "; ".join(
        f"at most {use.available} words ({use.available * use.word_bits} bits) of {use.name}, "
        f"got {use.used} words ({use.used * use.word_bits} bits), "
        f"{use.largest_words} of them for {use.largest}"
        for use in placement.shortages
    )
    message = f"model {network.graph.name} on array {config.name}: expected {short}"
    remedies = _mode_remedy(network, mode, profile, pins)
    remedies += _share_remedy(network, mode, profile, placement, pins)
    remedies += _part_remedy(network, mode, profile, pins)
    if any(use.name not in ("WEIGHTS", "PARAMS", "TABLES") for use in placement.shortages):
        remedies.append("give the model an input of fewer pixels")
    else:
        remedies.append("give the model fewer channels")
    return TooLargeError(message, "; or ".join(remedies))


def _mode_remedy(network: Network, mode: str, profile: Profile | None, pins: Mapping[str, str]) -> list[str]:
    """Fewer pins, or mode auto, where that gives back enough state."""
    modes = plan_for(network, "auto", profile).modes
    if pins and not place(network, modes).shortages:
        names = [name for name, pinned in pins.items() if pinned == "delta"]
        return [f"pin fewer layers to delta than {', '.join(names)}"]
    if mode == "delta" and not place(network, modes).shortages:
        direct = [
            repr(network.name(layer))
            for layer in network.layers
            if network.step(layer).op is Op.MAC and modes[network.source(layer)] is Mode.DIRECT
        ]
        return [f"take --mode auto: it fits with direct mode in layer {', '.join(direct)}"]
    return []


def _share_remedy(
    network: Network, mode: str, profile: Profile | None, placement: Placement, pins: Mapping[str, str]
) -> list[str]:
    """The same part with its block RAM shared out otherwise, where that is enough."""
    array = tailored(network.config, placement.uses)
    if array is None or _short(network, array, mode, profile, pins):
        return []
    return [f"share the part's block RAM out otherwise: --array {array.name}"]


def _short(
    network: Network, array: ArrayConfig, mode: str, profile: Profile | None, pins: Mapping[str, str]
) -> bool:
    """Whether memories are too small on that array too."""
    candidate = replace(network, config=array)
    return bool(place(candidate, plan_for(candidate, mode, profile, pins).modes).shortages)


def _part_remedy(network: Network, mode: str, profile: Profile | None, pins: Mapping[str, str]) -> list[str]:
    """The smallest larger part that is large enough; the one that can only be simulated if no real one is."""
    config = network.config
    if config.part == VIRTUAL:
        return []
    own = 0 if config.compact else PARTS[config.part].block_rams
    larger = [p for p in PARTS.values() if p.block_rams > own]
    for name in (*(p.name for p in sorted(larger, key=lambda p: p.block_rams)), VIRTUAL):
        array = ArrayConfig.parse(f"{config.banks}x{config.lanes}@{name}")
        if not _short(network, array, mode, profile, pins):
            only = " (simulated only)" if name == VIRTUAL else ""
            return [f"take a larger part: --array {array.name}{only}"]
    return []
