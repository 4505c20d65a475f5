"""Whether a network fits an array, layer by layer, and everything that keeps it from fitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillframe.contract import ArrayConfig, Mode, Op, StillframeError
from stillframe.frontend import Graph, thresholds_for

from .compile import assemble
from .limits import violations
from .lowering import lower
from .memory import MemoryUse, place
from .modes import NO_PINS, check_mode, plan_for
from .network import Network
from .planner import Plan
from .profile import Profile
from .remedies import too_large
from .tailored import tailored


@dataclass(frozen=True)
class LayerFit:
    """A device layer.

    Attributes:
        name: Name in the model.
        operators: Operators of the model that it executes, for example ``CONV_2D + PRELU``.
        mode: Mode of its input tensor.
        shape: (height, width, channels) of its output.
        macs: Multiplications of a dense frame over taps inside the image.
        weights: int8 weights of the model.
        memory: Words of each memory that it takes, its output tensor's included, by name.
    """

    name: str
    operators: str
    mode: Mode
    shape: tuple[int, int, int]
    macs: int
    weights: int
    memory: Mapping[str, int]


@dataclass(frozen=True)
class Fit:
    """What a network takes on an array.

    Attributes:
        layers: The device's layers, the input first; none if one cannot be lowered at all.
        uses: How much of each memory is used.
        plan: The modes chosen and what they cost; None if a layer cannot be lowered.
        problems: What keeps the network from the array, each with what to do; none if it fits.
        tailored: If it fits, but the state is short: the array with block RAM shared out so that there is
            more of it, if there can be.
    """

    layers: tuple[LayerFit, ...]
    uses: tuple[MemoryUse, ...]
    plan: Plan | None
    problems: tuple[StillframeError, ...]
    tailored: ArrayConfig | None = None

    @property
    def fits(self) -> bool:
        """Whether the network can run on the array."""
        return not self.problems


def examine(
    graph: Graph,
    config: ArrayConfig,
    mode: str = "auto",
    threshold: int = 0,
    profile: Profile | None = None,
    pins: Mapping[str, str] = NO_PINS,
) -> Fit:
    """See whether a graph fits an array.

    Args:
        graph, config, mode, threshold, profile, pins: As for :func:`~.compile.compile_graph`.

    Raises:
        StillframeError: ``mode``, ``threshold`` or a pin is wrong.
    """
    check_mode(mode, pins)
    thresholds_for(graph, threshold)
    try:
        network = Network(graph, lower(graph), config)
    except StillframeError as error:
        return Fit((), (), None, (error,))
    problems = list(violations(network))
    plan = plan_for(network, mode, profile, pins)
    network, modes = plan.network, plan.modes
    placement = place(network, modes)
    if placement.shortages:
        problems.append(too_large(network, mode, profile, placement, pins))
    if not problems:
        try:
            assemble(network, modes, placement, mode, threshold)
        except StillframeError as error:
            problems.append(error)
    layers = tuple(
        LayerFit(
            name=network.name(layer),
            operators=network.step(layer).operators if layer else Op.INPUT.name,
            mode=modes[network.source(layer)],
            shape=(layout.height, layout.width, layout.channels),
            macs=network.macs_dense(layer),
            weights=network.weights(layer),
            memory={name: words[layer] for name, words in placement.shares.items()},
        )
        for layer, layout in enumerate(network.layouts)
    )
    roomier = None
    if not problems and plan.state_is_short:
        array = tailored(config, placement.uses)
        roomier = array if array and array.state_words > config.state_words else None
    return Fit(layers, tuple(placement.uses), plan, tuple(problems), roomier)
