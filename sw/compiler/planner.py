"""Chooses a mode for each tensor: deltas, or direct events that need no state.

The costs are estimates made before the run, in cycles of the array: one event a cycle and pass, one
activation word drained a cycle, the slower of the two counts. They serve to compare modes and nothing else;
what a run really takes is counted by the hardware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillframe.contract import Mode

from .memory import place
from .network import Modes, Network


@dataclass(frozen=True)
class Density:
    """Share of a tensor's elements that are events, over calibration frames.

    Attributes:
        changed: Elements that are sent in a frame (delta mode), 0 to 1.
        non_zero: Elements whose last sent code is not the zero point (direct mode), 0 to 1.
    """

    changed: float
    non_zero: float


Profile = Mapping[str, Density]
"""Densities by the tensor's name."""

ASSUMED = Density(changed=0.25, non_zero=0.5)
"""Taken for a tensor without profile: the middle of what is known of networks on video."""

CLEARLY = 0.95
"""Direct is chosen if it costs less than this share of delta: on a draw, delta gains with stillness."""


def estimate(network: Network, modes: Modes, profile: Profile, layer: int) -> float:
    """Estimated cycles of a layer in a frame that is not a key frame."""
    step, target = network.step(layer), network.layouts[layer]
    source = network.source(layer)
    density = profile.get(network.tensors[source].name, ASSUMED)
    window = step.window[0] * step.window[1] * network.layouts[source].channels
    touched = 1.0
    if not network.evaluates_all(layer, modes):
        touched = 1 - (1 - density.changed) ** window
    drained = target.height * target.width * target.words * touched
    if step.product is None:
        return drained * step.window[0] * step.window[1] * len(step.inputs)
    share = {Mode.DELTA: density.changed, Mode.DIRECT: density.non_zero, Mode.DENSE: 1.0}[modes[source]]
    if step.product.depthwise and step.product.depth_multiplier == 1:
        share_of_words = 1 - (1 - share) ** network.config.drain
        return max(share_of_words * network.macs_dense(layer) / network.config.drain, drained)
    passes = 1 if step.product.depthwise else network.groups(layer)
    lanes = step.product.depth_multiplier if step.product.depthwise else target.channels
    events = share * network.macs_dense(layer) / lanes * passes
    return max(events, drained)


def _frame(network: Network, modes: Modes, profile: Profile, layers: list[int]) -> float:
    return sum(estimate(network, modes, profile, layer) for layer in layers)


def _with(modes: Modes, tensor: int, mode: Mode) -> list[Mode]:
    return [*modes[:tensor], mode, *modes[tensor + 1 :]]


def _choices(network: Network) -> list[int]:
    """Tensors that have a choice: a MAC layer reads them, and they are no output of the model."""
    return [
        tensor
        for tensor in range(len(network.tensors))
        if network.mac_readers(tensor) and not network.is_output(tensor)
    ]


def choose_modes(network: Network, profile: Profile | None = None) -> list[Mode]:
    """A mode for each device tensor, DELTA or DIRECT.

    Delta is the rule. Direct is taken where the profile says that it is clearly cheaper, and where the state
    memory is short: then for the tensors that lose least for each word of state given back.
    """
    modes = [Mode.DELTA] * len(network.tensors)
    everything = list(network.layers)
    if profile is not None:
        for tensor in _choices(network):
            touched = ([tensor] if tensor else []) + network.readers(tensor)
            direct = _with(modes, tensor, Mode.DIRECT)
            if _frame(network, direct, profile, touched) < CLEARLY * _frame(network, modes, profile, touched):
                modes = direct

    def state(candidate: Modes) -> int:
        return next(use.used for use in place(network, candidate).uses if use.name == "STATE")

    def loss_per_word(tensor: int) -> float:
        direct = _with(modes, tensor, Mode.DIRECT)
        loss = _frame(network, direct, profile or {}, everything) - _frame(
            network, modes, profile or {}, everything
        )
        return loss / (state(modes) - state(direct))

    while state(modes) > network.config.state_words:
        left = [tensor for tensor in _choices(network) if modes[tensor] is Mode.DELTA]
        if not left:
            break
        modes = _with(modes, min(left, key=loss_per_word), Mode.DIRECT)
    return modes
