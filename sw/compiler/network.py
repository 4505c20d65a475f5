"""The device layers of a graph with the tensors that they read and write, laid out for an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from stillframe.contract import ArrayConfig, Mode, Op
from stillframe.frontend.graph import Graph, Tensor

from .layout import TensorLayout, passes
from .lowering import Step

Modes = Sequence[Mode]
"""Mode of each device tensor."""


@dataclass(frozen=True)
class Network:
    """Layers and device tensors under one numbering: layer ``i`` writes tensor ``i``; 0 is the input.

    Attributes:
        graph: The graph that was lowered.
        steps: Layers 1, 2, ... in execution order.
        config: The array.
    """

    graph: Graph
    steps: tuple[Step, ...]
    config: ArrayConfig

    @cached_property
    def graph_tensors(self) -> tuple[int, ...]:
        """Index into ``Graph.tensors`` of each device tensor."""
        return (self.graph.input.tensor, *(step.output for step in self.steps))

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The device tensors."""
        return tuple(self.graph.tensors[index] for index in self.graph_tensors)

    @cached_property
    def layouts(self) -> tuple[TensorLayout, ...]:
        """How each device tensor lies in words. A vector is one pixel."""
        return tuple(TensorLayout.of(tensor.shape, self.config.drain) for tensor in self.tensors)

    def step(self, layer: int) -> Step:
        """The step that layer ``layer`` (from 1 on) does."""
        return self.steps[layer - 1]

    def name(self, layer: int) -> str:
        """Name of a layer."""
        return self.step(layer).name if layer else self.graph.input.name

    @cached_property
    def layers(self) -> range:
        """Layers but for the input."""
        return range(1, len(self.steps) + 1)

    def source(self, layer: int) -> int:
        """The device tensor that a layer reads."""
        return self.graph_tensors.index(self.step(layer).input) if layer else 0

    def readers(self, tensor: int) -> list[int]:
        """Layers that read a device tensor."""
        return [layer for layer in self.layers if self.source(layer) == tensor]

    def mac_readers(self, tensor: int) -> list[int]:
        """MAC layers that read a device tensor."""
        return [layer for layer in self.readers(tensor) if self.step(layer).op is Op.MAC]

    def is_output(self, tensor: int) -> bool:
        """Whether a device tensor is an output of the model."""
        return any(output.tensor == self.graph_tensors[tensor] for output in self.graph.outputs)

    def uses_state(self, layer: int, modes: Modes) -> bool:
        """Whether a layer keeps its accumulators from frame to frame."""
        return layer > 0 and self.step(layer).op is Op.MAC and modes[self.source(layer)] is Mode.DELTA

    def evaluates_all(self, layer: int, modes: Modes) -> bool:
        """Whether a layer gives every output in each frame in which it runs.

        It must if its events do not tell changes, or if its output's events are those of whole frames.
        """
        return modes[self.source(layer)] is not Mode.DELTA or modes[layer] is not Mode.DELTA

    def groups(self, layer: int) -> int:
        """Passes of the array over an output pixel."""
        return passes(self.layouts[layer].channels, self.config)

    def weights(self, layer: int) -> int:
        """Weights that a layer has in the model."""
        conv = self.step(layer).conv if layer else None
        return 0 if conv is None else int(conv.weights.size)

    def macs_dense(self, layer: int) -> int:
        """Multiplications of a dense pass over taps inside the image, real channels only."""
        if not layer or self.step(layer).op is not Op.MAC:
            return 0
        step, source, target = self.step(layer), self.layouts[self.source(layer)], self.layouts[layer]
        taps = 1
        for size, outputs, kernel, stride, (before, _) in zip(
            (source.height, source.width),
            (target.height, target.width),
            step.window,
            step.strides,
            step.padding,
            strict=True,
        ):
            starts = [output * stride - before for output in range(outputs)]
            taps *= sum(max(0, min(start + kernel, size) - max(start, 0)) for start in starts)
        return taps * source.channels * target.channels
