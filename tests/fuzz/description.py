"""A random network as plain data: what is drawn, made smaller, printed and kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]
"""(height, width, channels), or (features,)."""


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        kind: Key of :data:`kinds.KINDS`.
        inputs: Values that it reads: 0 is the image, i the output of the i-th layer (counted from 1).
        options: What the kind's ``build`` takes besides.
    """

    kind: str
    inputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """A network with its conversion.

    Attributes:
        seed: Of weights, calibration and frames.
        shape: Of the image.
        layers: In execution order.
        outputs: Values that the network gives, in order.
        low: Image values go from ``low`` to 1.
        calibrated: Share of that range which the calibration frames use; what lies outside clips.
        per_channel: Whether weights have a scale for each output channel.
        io: Type of the network's input and outputs: int8, uint8 or float32.
    """

    seed: int
    shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    outputs: tuple[int, ...]
    low: float = 0.0
    calibrated: float = 1.0
    per_channel: bool = True
    io: str = "int8"

    def __str__(self) -> str:
        """Python that makes it again."""
        layers = "".join(
            f"        Layer({layer.kind!r}, {layer.inputs}, {layer.options}),\n" for layer in self.layers
        )
        rest = "".join(
            f"    {name}={getattr(self, name)!r},\n"
            for name in ("outputs", "low", "calibrated", "per_channel", "io")
        )
        first = f"    seed={self.seed},\n    shape={self.shape},\n"
        return f"Description(\n{first}    layers=(\n{layers}    ),\n{rest})"
