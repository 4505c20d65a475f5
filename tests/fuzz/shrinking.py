"""Makes a network that fails smaller, for as long as it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from description import Description, Layer

PLAIN: dict[str, Any] = {
    "strides": (1, 1),
    "dilation": (1, 1),
    "kernel": (1, 1),
    "padding": "valid",
    "activation": None,
    "norm": False,
    "bias": False,
    "multiplier": 1,
    "filters": 1,
    "units": 1,
}
"""For some options the value that says least."""


def shrink(description: Description, fails: Callable[[Description], bool], attempts: int = 80) -> Description:
    """The smallest network found that still fails.

    Args:
        description: One that fails.
        fails: Whether another one fails in the same way; takes any, also one that cannot be built.
        attempts: Networks that are tried at most.
    """
    tried = 0
    found = True
    while found:
        found = False
        for candidate in smaller(description):
            if tried == attempts:
                return description
            tried += 1
            if fails(candidate):
                description, found = candidate, True
                break
    return description


def smaller(description: Description) -> Iterator[Description]:
    """Networks with a little less in them, those with least first."""
    if len(description.outputs) > 1:
        for output in description.outputs:
            yield pruned(replace(description, outputs=(output,)))
    for number in range(len(description.layers), 0, -1):
        yield from _without(description, number)
    for name, value in (("io", "int8"), ("per_channel", True), ("calibrated", 1.0), ("low", 0.0)):
        if getattr(description, name) != value:
            yield replace(description, **{name: value})
    for axis, extent in enumerate(description.shape):
        for less in {1, extent // 2, extent - 1} - {0, extent}:
            shape = (*description.shape[:axis], less, *description.shape[axis + 1 :])
            yield replace(description, shape=shape)  # type: ignore[arg-type]
    for number, layer in enumerate(description.layers):
        for name, value in layer.options.items():
            if name in PLAIN and value != PLAIN[name]:
                plain = replace(layer, options=layer.options | {name: PLAIN[name]})
                layers = (*description.layers[:number], plain, *description.layers[number + 1 :])
                yield replace(description, layers=layers)


def _without(description: Description, number: int) -> Iterator[Description]:
    """Without a layer: its readers, and the outputs, take one of its inputs instead."""
    for instead in description.layers[number - 1].inputs:
        layers = tuple(
            replace(layer, inputs=tuple(instead if i == number else i for i in layer.inputs))
            for layer in description.layers
        )
        outputs = tuple(dict.fromkeys(instead if i == number else i for i in description.outputs))
        if 0 not in outputs:
            yield pruned(replace(description, layers=layers, outputs=outputs))


def pruned(description: Description) -> Description:
    """Without the layers that no output needs."""
    needed = set(description.outputs)
    for number in range(len(description.layers), 0, -1):
        if number in needed:
            needed.update(description.layers[number - 1].inputs)
    kept = [number for number in range(1, len(description.layers) + 1) if number in needed]
    place = {0: 0} | {old: new for new, old in enumerate(kept, 1)}

    def moved(layer: Layer) -> Layer:
        return replace(layer, inputs=tuple(place[i] for i in layer.inputs))

    return replace(
        description,
        layers=tuple(moved(description.layers[number - 1]) for number in kept),
        outputs=tuple(place[i] for i in description.outputs),
    )
