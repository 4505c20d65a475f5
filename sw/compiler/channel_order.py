"""Which channel of the model stands where in a device tensor's pixel, so that its readers take fewer cycles.

Where S banks share an output each of them has other input channels: class i those at positions p with
p % S == i, which are to have equal work (:mod:`~.class_balance`). Depthwise layers take the channels of a
group at once, which are to be alike (:mod:`~.like_channels`). What an order brings is estimated.

Tensors whose channels meet in place have one order: the operands of an ADD with their sum, what is before and
behind a layer on codes or a channelwise one. The input's channels stay where they are, since the link brings
them so, and those of a CONCATENATION, which packs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from stillframe.contract import Op
from stillframe.contract.array import SLOTS

from .class_balance import Work, balanced
from .estimate import Estimator
from .like_channels import gathered
from .network import NATURAL, Modes, Network, Order
from .profile import Marks, Profile
from .walk import over_kernel_rows

BLOCKS = (SLOTS // 2, 2 * SLOTS)
"""Columns of an output row within which classes are to be equally busy, to be tried: one may be as many
pixels ahead of the others as banks have accumulators for, and more if it was behind them before."""


def ordered(network: Network, profile: Profile, modes: Modes) -> Network:
    """The network with an order of each tensor's channels, that of the model where no other is estimated to
    take fewer cycles.

    Args:
        profile: Activity of the tensors of its graph.
        modes: Of each device tensor: they tell which elements are events.
    """
    natural, orders = replace(network, orders=()), [NATURAL] * len(network.tensors)
    known = Estimator(natural, profile)
    for tensors in tied(network):
        readers = [layer for tensor in tensors for layer in _event_readers(network, tensor)]
        least = sum(known.layer(layer, modes) for layer in readers)
        for order in _candidates(network, profile, modes, readers):
            tried = [order if tensor in tensors else NATURAL for tensor in range(len(orders))]
            estimator = Estimator(replace(network, orders=tried), profile)
            cycles = sum(estimator.layer(layer, modes) for layer in readers)
            if cycles < least:
                least = cycles
                orders = [order if tensor in tensors else of for tensor, of in enumerate(orders)]
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


def _candidates(network: Network, profile: Profile, modes: Modes, readers: list[int]) -> Iterator[Order]:
    """Orders that may be better than the model's, of tensors with these readers."""

    def events(layer: int) -> Marks:
        source = network.source(layer)
        return profile.tensors[network.tensors[source].name].events(modes[source])

    sharing = [layer for layer in readers if network.share(layer) > 1 and not network.channelwise(layer)]
    if sharing:
        for block in BLOCKS:
            yield balanced([_work(network, layer, events(layer), block) for layer in sharing])
    channelwise = [layer for layer in readers if network.channelwise(layer)]
    if channelwise and not network.config.compact:  # that machine multiplies value by value
        pixels = [marks.reshape(-1, marks.shape[-1]) for marks in map(events, channelwise)]
        yield gathered(np.concatenate(pixels), network.config.drain, network.config.banks)


def _work(network: Network, layer: int, events: Marks, block: int) -> Work:
    """What a layer's input channels give the banks to do, in output rows cut into blocks of columns."""
    step = network.step(layer)
    blocks = np.add.reduceat(events, np.arange(0, events.shape[2], block), axis=2, dtype=np.int32)
    rows = over_kernel_rows(step, blocks, network.layouts[layer].height)
    taps = step.window[1] / step.strides[1] * network.groups(layer)
    cycles = rows.reshape(-1, rows.shape[-1]).astype(np.float64) * taps
    return Work(network.share(layer), cycles[cycles.any(axis=1)])
