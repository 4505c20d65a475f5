"""Draws random networks, and builds what was drawn."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from description import Description, Layer, Shape
from kinds import KINDS, Options, integer, span

LARGEST_MAP = 6000
"""Elements beyond which a drawn layer is not taken."""

LARGEST_DEPTH = 6


def draw(seed: int) -> Description:
    """A network of 2 to 6 steps (a branch with its join is one), from a seed."""
    rng = np.random.default_rng(seed)
    drawing = _Drawing(rng, (integer(rng, 1, 18), integer(rng, 1, 18), integer(rng, 1, 5)))
    for _ in range(integer(rng, 2, LARGEST_DEPTH)):
        drawing.step()
    while not drawing.layers:
        drawing.step()
    outputs = drawing.outputs()
    return Description(
        seed=seed,
        shape=drawing.shape,
        layers=tuple(drawing.layers),
        outputs=outputs,
        low=float(rng.choice([0.0, -1.0])),
        calibrated=float(rng.choice([1.0, 0.5], p=[0.8, 0.2])),
        per_channel=bool(rng.random() < 0.8),
        io=str(rng.choice(["int8", "uint8", "float32"], p=[0.7, 0.15, 0.15])),
    )


def build(description: Description) -> keras.Model:
    """The Keras model, without weights of its own yet.

    Raises:
        UnbuildableError: The layers do not fit together (as can be once some are taken out).
    """
    values = [keras.Input(description.shape, batch_size=1, name="image")]
    for number, layer in enumerate(description.layers, 1):
        try:
            values.append(_apply(number, layer, values))
        except ValueError as error:  # Keras' own
            raise UnbuildableError(f"layer {number}: {error}") from error
    return keras.Model(values[0], [values[i] for i in description.outputs], name="random")


class UnbuildableError(Exception):
    """A description of no network, or of one that TensorFlow cannot convert."""


def _apply(number: int, layer: Layer, values: list[keras.KerasTensor]) -> keras.KerasTensor:
    kind = KINDS[layer.kind]
    inputs = [values[i] for i in layer.inputs]
    if any(len(x.shape) - 1 not in kind.ranks for x in inputs):
        raise ValueError(f"{layer.kind} does not take {inputs[0].shape}")
    output = kind.build(f"{layer.kind}{number}", layer.options, inputs)
    if 0 in output.shape:
        raise ValueError(f"nothing is left of {inputs[0].shape}")
    return output


class _TooLargeError(Exception):
    """What was drawn makes a tensor that takes too long."""


@dataclass
class _Drawing:
    """A network that grows."""

    rng: np.random.Generator
    shape: tuple[int, int, int]
    layers: list[Layer] = field(default_factory=list)
    values: list[keras.KerasTensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values.append(keras.Input(self.shape, batch_size=1))

    def shape_of(self, value: int) -> Shape:
        return tuple(self.values[value].shape[1:])

    def step(self) -> None:
        """A layer behind the last value or, now and then, behind an earlier one; or a branch."""
        last = len(self.values) - 1
        source = last if self.rng.random() < 0.75 else integer(self.rng, 0, last)
        with suppress(_TooLargeError):
            if self.rng.random() < 0.25:
                self.branch(source)
            else:
                self.one(source)

    def one(self, source: int) -> int:
        """A layer of some kind."""
        rank = len(self.shape_of(source))
        kinds = [name for name, kind in KINDS.items() if rank in kind.ranks and kind.weight]
        weights = np.array([KINDS[name].weight for name in kinds])
        return self.add(str(self.rng.choice(kinds, p=weights / weights.sum())), source)

    def add(self, kind: str, *inputs: int, **fixed: Any) -> int:
        """A layer of this kind, drawn but for the fixed options; gives its value.

        Raises:
            _TooLargeError: It makes too large a tensor; nothing is added.
        """
        shapes = [self.shape_of(i) for i in inputs]
        layer = Layer(kind, inputs, KINDS[kind].draw(self.rng, shapes) | fixed)
        value = _apply(len(self.layers) + 1, layer, self.values)
        if np.prod(value.shape[1:]) > LARGEST_MAP:
            raise _TooLargeError
        self.layers.append(layer)
        self.values.append(value)
        return len(self.values) - 1

    def branch(self, source: int) -> None:
        """Paths that part and meet again, or a join with an earlier value that happens to fit."""
        kind = str(self.rng.choice(["add", "add", "subtract", "concat"]))
        partner = self.fitting(source, kind)
        if partner is not None and self.rng.random() < 0.5:
            self.add(kind, *((source, partner) if self.rng.random() < 0.5 else (partner, source)))
            return
        left = self.one(source) if self.rng.random() < 0.3 else source
        right = self.path(left)
        shortcut = self.fitting(right, kind, (left,))
        if shortcut is None or self.rng.random() < 0.4:
            shortcut = self.like(left, right, kind)
        paths = [shortcut, right] if self.rng.random() < 0.5 else [right, shortcut]
        if kind == "concat" and self.rng.random() < 0.3:
            paths.append(self.like(left, right, kind))
        self.add(kind, *paths)

    def path(self, source: int) -> int:
        """A convolution, perhaps with an activation behind it; a dense layer from a vector."""
        vector = len(self.shape_of(source)) == 1
        value = self.add("dense" if vector else "conv", source)
        return self.add("activation", value) if self.rng.random() < 0.3 else value

    def like(self, source: int, other: int, kind: str) -> int:
        """A convolution of ``source`` of the shape of ``other``, made from it too; any channels to join."""
        maker = next(i for i in range(other, 0, -1) if self.layers[i - 1].inputs == (source,))
        options: Options = dict(self.layers[maker - 1].options)
        if "units" in options:
            return self.add("dense", source, **({"units": options["units"]} if kind != "concat" else {}))
        fixed = {name: options[name] for name in ("strides", "padding")}
        # Not dilated as well: of two such readers the converter makes SPACE_TO_BATCH_ND.
        fixed |= {"kernel": span(options["kernel"], options["dilation"]), "dilation": (1, 1)}
        if options["padding"] == "same" and self.rng.random() < 0.5:
            fixed["kernel"] = (1, 1)
        if kind != "concat":
            fixed["filters"] = options["filters"]
        return self.add("conv", source, **fixed)

    def fitting(self, value: int, kind: str, among: tuple[int, ...] | None = None) -> int | None:
        """An earlier value that can be joined with this one, if there is one."""
        shape = self.shape_of(value)

        def fits(other: Shape) -> bool:
            if kind == "concat":
                return len(other) == len(shape) and other[:-1] == shape[:-1]
            return other == shape

        found = [
            i
            for i in (range(len(self.values)) if among is None else among)
            if i != value and fits(self.shape_of(i))
        ]
        return int(self.rng.choice(found)) if found else None

    def outputs(self) -> tuple[int, ...]:
        """Every value that nothing reads, some with a softmax, and now and then one more."""
        read = {i for layer in self.layers for i in layer.inputs}
        for value in range(1, len(self.values)):
            if value not in read and len(self.shape_of(value)) == 1 and self.rng.random() < 0.4:
                self.add("softmax", value)
        read = {i for layer in self.layers for i in layer.inputs}
        made = list(range(1, len(self.values)))
        ends = [i for i in made if i not in read]
        inner = [i for i in made if i in read]
        if inner and self.rng.random() < 0.25:
            ends.append(int(self.rng.choice(inner)))
        return tuple(ends)
