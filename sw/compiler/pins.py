"""Modes that the user has set for a layer."""

from __future__ import annotations

from collections.abc import Mapping

from stillframe.contract import Mode, Op, StillframeError

from .network import Network


def pinned_tensors(network: Network, pins: Mapping[str, str]) -> dict[int, Mode]:
    """The modes of tensors that pins of the layers reading them mean.

    Args:
        network: The network.
        pins: Modes, ``delta`` or ``direct``, by the name of a layer.

    Raises:
        StillframeError: There is no such layer, it has no choice, or layers that read the same tensor are
            pinned to different modes.
    """
    tensors: dict[int, Mode] = {}
    by_tensor: dict[int, str] = {}
    layers = {network.name(layer): layer for layer in network.layers}
    with_choice = [name for name, layer in layers.items() if network.step(layer).op is Op.MAC]
    for name, mode in pins.items():
        if name not in with_choice:
            got = "none"
            if name in layers:
                got = f"a layer that has none ({network.step(layers[name]).operators})"
            raise StillframeError(
                f"pin {name}={mode}: expected the name of a layer on the array that has a choice, got {got}",
                f"layers with a choice: {', '.join(with_choice)}" if with_choice else "leave the pin out",
            )
        source = network.source(layers[name])
        if tensors.setdefault(source, Mode[mode.upper()]) is not Mode[mode.upper()]:
            other = by_tensor[source]
            raise StillframeError(
                f"pin {name}={mode}: expected the mode of layer {other}, which reads the same "
                f"values, got another than its {tensors[source].name.lower()}",
                f"pin one of them only: {name} and {other} always share a mode",
            )
        by_tensor.setdefault(source, name)
    return tensors
