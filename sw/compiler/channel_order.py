"""Which channel of the model stands where in a device tensor's pixel, so that the banks have equal work.

Where S banks share an output each of them has other input channels: class i those at positions p with
p % S == i. All classes have to be through with a block of columns before its sums are complete, and channels
differ widely in how often they change. So the channels of tensors that such layers read change places until
no exchange of two makes the classes' work more equal, by what is an event in a profile's frames.

Tensors whose channels meet in place have one order: the operands of an ADD with their sum, what is before and
behind a layer on codes or a channelwise one. The input's channels stay where they are, since the link brings
them so, and those of a CONCATENATION, which packs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stillframe.contract import Op

from .estimate import Estimator
from .network import Modes, Network, Order
from .profile import Profile

Float64 = npt.NDArray[np.float64]

LEAST_GAIN = 1e-4
"""Share of the classes' contention that an exchange has to take away: less is not worth the time."""


def ordered(network: Network, profile: Profile, modes: Modes) -> Network:
    """The network with an order of each tensor's channels, that of the model where no other is estimated to
    take fewer cycles.

    Args:
        profile: Activity of the tensors of its graph.
        modes: Of each device tensor: they tell which elements are events.
    """
    groups = tied(network)
    orders: list[Order] = [()] * len(network.tensors)
    for tensors in groups:
        if contention := _contention(network, profile, modes, tensors):
            order = balanced(contention)
            for tensor in tensors:
                orders[tensor] = order
    natural = replace(network, orders=())
    if not any(orders):
        return natural
    before, after = Estimator(natural, profile), Estimator(replace(network, orders=orders), profile)
    for tensors in groups:
        layers = [layer for tensor in tensors for layer in _event_readers(network, tensor)]
        if sum(after.layer(n, modes) - before.layer(n, modes) for n in layers) >= 0:
            for tensor in tensors:
                orders[tensor] = ()
    return replace(network, orders=tuple(orders)) if any(orders) else natural


def tied(network: Network) -> list[list[int]]:
    """Device tensors by the order that they share, those left out whose channels have to stay in place."""
    group = list(range(len(network.tensors)))
    fixed = {0}
    for layer in network.layers:
        first, *others = network.sources(layer)
        tensors = [*others, layer]
        if network.step(layer).op is not Op.MAC or network.channelwise(layer):
            tensors.append(first)
        if network.step(layer).op is Op.CONCAT:
            fixed.update(tensors)
        together = {group[tensor] for tensor in tensors}
        group = [min(together) if number in together else number for number in group]
    free = sorted(set(group) - {group[tensor] for tensor in fixed})
    return [[tensor for tensor, of in enumerate(group) if of == number] for number in free]


def _event_readers(network: Network, tensor: int) -> list[int]:
    """MAC layers that multiply the events of a device tensor."""
    return [layer for layer in network.mac_readers(tensor) if network.source(layer) == tensor]


def _contention(network: Network, profile: Profile, modes: Modes, tensors: list[int]) -> dict[int, Float64]:
    """For each share of a layer that reads one of the tensors, how two channels meet: (channels, channels).

    It is the product of the cycles that both take for an input row, summed over rows and frames. So the sum
    over all pairs within classes is that of the squares of the classes' cycles, least if these are equal.
    """
    found: dict[int, Float64] = {}
    for tensor in tensors:
        for layer in _event_readers(network, tensor):
            share, step = network.share(layer), network.step(layer)
            if share == 1 or network.channelwise(layer):
                continue
            events = profile.tensors[network.tensors[tensor].name].events(modes[tensor])
            of_rows = events.sum(axis=2, dtype=np.float64).reshape(-1, events.shape[-1])
            cycles = of_rows * (np.prod(step.window) * network.groups(layer) / np.prod(step.strides))
            found[share] = found.get(share, 0) + cycles.T @ cycles
    return found


def balanced(contention: Mapping[int, Float64]) -> Order:
    """The order in which no exchange of two channels takes away contention within classes.

    Args:
        contention: By the number of classes, how two channels meet in one: (channels, channels), symmetric.
    """
    count = max(len(matrix) for matrix in contention.values())
    order = np.arange(count)
    least = LEAST_GAIN * sum(_within(matrix, share) for share, matrix in contention.items())
    while True:
        gains = np.zeros((count, count))
        for share, matrix in contention.items():
            gains += _gains(matrix[np.ix_(order, order)], share)
        first, second = divmod(int(np.argmax(gains)), count)
        if gains[first, second] <= least:
            return tuple(order.tolist()) if (np.diff(order) != 1).any() else ()
        order[[first, second]] = order[[second, first]]


def _within(matrix: Float64, share: int) -> float:
    """Contention of all pairs of positions of one class."""
    return float(sum(matrix[first::share, first::share].sum() for first in range(share)))


def _gains(matrix: Float64, share: int) -> Float64:
    """By how much an exchange of the channels of two positions lessens the contention within classes."""
    count = len(matrix)
    classes = np.arange(count) % share
    with_class = np.stack([matrix[:, first::share].sum(axis=1) for first in range(share)], axis=1)
    joining = with_class[:, classes] - matrix  # the others of the class that a channel of the row comes to
    own = np.diag(joining)
    gains: Float64 = 2 * (own[:, None] + own - joining - joining.T)
    gains[classes[:, None] == classes] = 0
    return gains
