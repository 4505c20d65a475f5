"""What an array can do for a network whatever its memories hold: layers, names, kernels, widths of sums."""

from __future__ import annotations

from collections.abc import Iterator

from stillframe.contract import StillframeError
from stillframe.contract.array import MAX_KERNEL_ROWS

from . import bounds
from .network import Network


def violations(network: Network) -> Iterator[StillframeError]:
    """Everything that keeps a network from the array, memory apart, in the order of its layers."""
    count, most = len(network.steps) + 1, network.config.layers
    if count > most:
        yield StillframeError(
            f"model {network.graph.name}: expected at most {most} layers with the input, got {count}",
            "take a network with fewer layers; activations directly behind a layer do not count",
        )
    names = [tensor.name for tensor in network.tensors]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        yield StillframeError(
            f"model {network.graph.name}: expected tensors with names of their own, got {twice!r} twice",
            "give the model's layers different names",
        )
    for step in network.steps:
        if step.window[0] > MAX_KERNEL_ROWS:
            yield StillframeError(
                f"layer {step.name!r}: expected a kernel of at most {MAX_KERNEL_ROWS} rows, "
                f"got {step.window[0]}",
                "pool or stride before this layer, or take fewer pixels",
            )
        try:
            if step.product is not None:
                source = network.lowered.tensors[step.inputs[0]]
                bounds.check(step.name, step.product, step.window[0] * step.window[1], source.zero_point)
            if step.add is not None:
                bounds.check_add(step.add)
        except StillframeError as error:
            yield error
