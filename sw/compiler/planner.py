"""Chooses a mode for each tensor: deltas, or direct events that need no state.

A mode is the tensor's, so all MAC layers that read it share it; what makes a direct tensor has to give every
output in every frame. The plan with the fewest estimated cycles (:mod:`.estimate`) within the state memory is
looked for from two ends, all delta and all direct, by changing one tensor at a time and by exchanging two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from stillframe.contract import Mode

from .estimate import Estimator
from .memory import events_words
from .network import Modes, Network
from .pins import pinned_tensors
from .profile import Profile, draw_profile

DIRECT_WEIGHT = 1.005
"""What a cycle of a layer that gives every output counts: on a draw, delta gains with stillness."""


STATE_IS_SHORT = "state memory is short"
"""Why a layer is in direct mode that would take fewer cycles in delta mode."""


@dataclass(frozen=True)
class Choice:
    """A tensor that has a choice, and what it costs.

    Attributes:
        layers: Names of the MAC layers that read it.
        mode: The mode chosen.
        why: In a few words.
        delta, direct: Estimated cycles of a frame in either mode, the other tensors' modes being as planned.
        state: STATE words that its readers take in delta mode.
    """

    layers: tuple[str, ...]
    mode: Mode
    why: str
    delta: float
    direct: float
    state: int

    @property
    def saved(self) -> float:
        """Estimated cycles a frame that the mode saves against the other one; negative if it costs some."""
        return self.direct - self.delta if self.mode is Mode.DELTA else self.delta - self.direct


@dataclass(frozen=True)
class Plan:
    """The mode of each device tensor, and what speaks for it.

    Attributes:
        network: The network on its array.
        modes: Of each device tensor.
        rests: Layers rest in frames in which their input did not change.
        pinned: Tensors whose mode the user has set.
        estimator: None where nothing is known of the frames.
    """

    network: Network
    modes: Modes
    rests: bool
    pinned: Mapping[int, Mode]
    estimator: Estimator | None

    @cached_property
    def cycles(self) -> tuple[float, ...]:
        """Estimated cycles of each layer in a frame; none where nothing is known of the frames."""
        if self.estimator is None:
            return ()
        layers = range(len(self.modes))
        return tuple(self.estimator.layer(layer, self.modes, self.rests) for layer in layers)

    @property
    def frames(self) -> int:
        """Frames that estimates are means over."""
        return self.estimator.frames if self.estimator is not None else 0

    @cached_property
    def alternatives(self) -> dict[str, float]:
        """Estimated cycles of a frame with all tensors in one mode, by the mode's name; may be empty."""
        if self.estimator is None:
            return {}
        return {
            mode.name.lower(): self.estimator.frame([mode] * len(self.modes), rests=mode is Mode.DELTA)
            for mode in Mode
        }

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """What was chosen between; nothing where nothing is known of the frames."""
        return tuple(self._choices()) if self.estimator is not None else ()

    @property
    def state_is_short(self) -> bool:
        """Whether a tensor is in direct mode for want of state memory."""
        if self.estimator is None:  # delta is the rule
            unpinned = (mode for tensor, mode in enumerate(self.modes) if tensor not in self.pinned)
            return self.rests and Mode.DIRECT in unpinned
        return any(choice.why == STATE_IS_SHORT for choice in self.choices)

    def _choices(self) -> Iterator[Choice]:
        network, estimator = self.network, self.estimator
        assert estimator is not None, "choices are told by an estimate"
        free = network.config.state_words - state_words(network, self.modes)
        for tensor in choosable(network):
            cycles = {
                mode: estimator.frame(_with(self.modes, tensor, mode), self.rests)
                for mode in (Mode.DELTA, Mode.DIRECT)
            }
            readers = network.mac_readers(tensor)
            state = sum(network.layouts[reader].size for reader in readers)
            mode = self.modes[tensor]
            why = "fewer cycles" if cycles[mode] <= min(cycles.values()) else "about the same"
            if tensor in self.pinned:
                why = "pinned"
            elif mode is Mode.DIRECT and cycles[Mode.DELTA] < cycles[Mode.DIRECT]:
                why = STATE_IS_SHORT if state > free else "about the same"
            names = tuple(network.name(reader) for reader in readers)
            yield Choice(names, mode, why, cycles[Mode.DELTA], cycles[Mode.DIRECT], state)


def make_plan(network: Network, profile: Profile | None, pins: Mapping[str, str]) -> Plan:
    """Choose a mode for each device tensor.

    Without a profile delta is the rule, and direct where the state memory is short (on the compact machine
    that for events too, where only deltas take any).

    Args:
        network: The network on its array.
        profile: Activity of its tensors.
        pins: Modes, ``delta`` or ``direct``, by the name of a MAC layer.

    Raises:
        StillframeError: A pin names no layer that has a choice, or two of them contradict each other.
    """
    pinned = pinned_tensors(network, pins)
    modes = [pinned.get(tensor, Mode.DELTA) for tensor in range(len(network.tensors))]
    estimator = Estimator(network, profile) if profile is not None else None
    if estimator is not None or not has_room(network, modes):
        search = _Search(network, estimator or Estimator(network, draw_profile(network.graph, {})), pinned)
        modes = search.best()
    return Plan(network, modes, True, pinned, estimator)


def choosable(network: Network) -> list[int]:
    """Tensors that have a choice: a MAC layer reads them."""
    return [tensor for tensor in range(len(network.tensors)) if network.mac_readers(tensor)]


def state_words(network: Network, modes: Modes) -> int:
    """STATE words that the layers fed with deltas take."""
    return sum(network.layouts[layer].size for layer in network.layers if network.uses_state(layer, modes))


def has_room(network: Network, modes: Modes) -> bool:
    """Whether the memories have room for what depends on modes."""
    config = network.config
    events = events_words(network, modes) if config.compact else 0
    return state_words(network, modes) <= config.state_words and events <= config.events_words


def _with(modes: Modes, tensor: int, mode: Mode) -> list[Mode]:
    return [*modes[:tensor], mode, *modes[tensor + 1 :]]


class _Search:
    """Looks for the plan with the least cost that the state memory has room for."""

    def __init__(self, network: Network, estimator: Estimator, pinned: Mapping[int, Mode]) -> None:
        self._network = network
        self._estimator = estimator
        self._pinned = pinned
        self._free = [tensor for tensor in choosable(network) if tensor not in pinned]

    def best(self) -> list[Mode]:
        """The better of the plans found from either end; all direct where not even that has room."""
        starts = [self._fitting(self._start(Mode.DELTA)), self._start(Mode.DIRECT)]
        return min(map(self._descend, starts), key=lambda modes: (not self._fits(modes), self._cost(modes)))

    def _start(self, mode: Mode) -> list[Mode]:
        modes = [self._pinned.get(tensor, Mode.DELTA) for tensor in range(len(self._network.tensors))]
        for tensor in self._free:
            modes[tensor] = mode
        return modes

    def _fits(self, modes: Modes) -> bool:
        return has_room(self._network, modes)

    def _cost(self, modes: Modes, layers: set[int] | None = None) -> float:
        """Weighted cycles of some layers, or of all."""
        cost = 0.0
        for layer in range(len(modes)) if layers is None else layers:
            weight = DIRECT_WEIGHT if self._network.evaluates_all(layer, modes) else 1
            cost += weight * self._estimator.layer(layer, modes)
        return cost

    def _loss(self, modes: Modes, after: Modes) -> float:
        """Cost of other modes less that of these: of the layers that a tensor's mode matters to."""
        changed = [tensor for tensor, mode in enumerate(modes) if mode is not after[tensor]]
        layers = {layer for tensor in changed for layer in (tensor, *self._network.readers(tensor))}
        return self._cost(after, layers) - self._cost(modes, layers)

    def _fitting(self, modes: list[Mode]) -> list[Mode]:
        """Gives up delta for the tensors that lose least for each word of state, until the rest has room."""

        def loss_per_word(tensor: int) -> float:
            direct = _with(modes, tensor, Mode.DIRECT)
            given_back = state_words(self._network, modes) - state_words(self._network, direct)
            return self._loss(modes, direct) / given_back

        while not self._fits(modes):
            left = [tensor for tensor in self._free if modes[tensor] is Mode.DELTA]
            if not left:
                break
            modes = _with(modes, min(left, key=loss_per_word), Mode.DIRECT)
        return modes

    def _descend(self, modes: list[Mode]) -> list[Mode]:
        """Moves as long as one has room and saves something."""
        while True:
            better = next((m for m in self._moves(modes) if self._fits(m) and self._loss(modes, m) < 0), None)
            if better is None:
                return modes
            modes = better

    def _moves(self, modes: list[Mode]) -> Iterator[list[Mode]]:
        """Another mode for one tensor; then two tensors' modes exchanged."""
        other = {Mode.DELTA: Mode.DIRECT, Mode.DIRECT: Mode.DELTA}
        for tensor in self._free:
            yield _with(modes, tensor, other[modes[tensor]])
        for tensor in (t for t in self._free if modes[t] is Mode.DELTA):
            for second in (t for t in self._free if modes[t] is Mode.DIRECT):
                yield _with(_with(modes, tensor, Mode.DIRECT), second, Mode.DELTA)
