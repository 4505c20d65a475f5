"""The device layers of a graph with the tensors that they read and write, laid out for an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stillframe.contract import ArrayConfig, Mode, Op
from stillframe.contract.array import PARAMS_COPIED
from stillframe.contract.spread import spread_elements
from stillframe.frontend.graph import Graph, Tensor

from .layout import TensorLayout
from .lowering import Lowered, Step
from .product import Product
from .schedule import Blocks, blocks, share, side_by_side

Modes = Sequence[Mode]
"""Mode of each device tensor."""

Order = tuple[int, ...]
"""The model's channel at each position of a device tensor's pixel; empty if that is the position itself."""

NATURAL: Order = ()
"""The model's."""


@dataclass(frozen=True)
class Network:
    """Layers and device tensors under one numbering: layer ``i`` writes tensor ``i``; 0 is the input.

    Attributes:
        graph: The graph that was lowered.
        lowered: Layers 1, 2, ... in execution order, and their tensors.
        config: The array.
        orders: Of each device tensor's channels; none if all have that of the model.
    """

    graph: Graph
    lowered: Lowered
    config: ArrayConfig
    orders: Sequence[Order] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Layers 1, 2, ... in execution order."""
        return self.lowered.steps

    @cached_property
    def graph_tensors(self) -> tuple[int, ...]:
        """Index into ``Lowered.tensors``, hence into ``Graph.tensors``, of each device tensor."""
        return (self.graph.input.tensor, *(step.output for step in self.steps))

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The device tensors."""
        return tuple(self.lowered.tensors[index] for index in self.graph_tensors)

    @cached_property
    def layouts(self) -> tuple[TensorLayout, ...]:
        """How each device tensor lies in words. A vector is one pixel."""
        return tuple(TensorLayout.of(tensor.shape, self.config.drain) for tensor in self.tensors)

    def channels(self, tensor: int) -> npt.NDArray[np.intp]:
        """The model's channel at each position of a device tensor's pixel, (channels,)."""
        return np.array(self.order(tensor) or range(self.layouts[tensor].channels), np.intp)

    def order(self, tensor: int) -> Order:
        """The order of a device tensor's channels."""
        return self.orders[tensor] if self.orders else ()

    def product(self, layer: int) -> Product | None:
        """What a MAC layer does, its channels where they stand in its tensors; None of another layer."""
        product, source = self.step(layer).product, self.source(layer)
        if product is not None and any((self.order(source), self.order(layer))):
            product = product.ordered(self.channels(source), self.channels(layer))
        if product is not None and self.spreads(source):
            product = product.repeated(self.config.banks)
        return product

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

    def sources(self, layer: int) -> tuple[int, ...]:
        """The device tensors that a layer reads: one, or the two of an ADD, a CONCAT or a MAC layer that
        adds."""
        return self._sources[layer]

    def source(self, layer: int) -> int:
        """The first device tensor that a layer reads."""
        return self._sources[layer][0]

    @cached_property
    def _sources(self) -> tuple[tuple[int, ...], ...]:
        number = {tensor: index for index, tensor in enumerate(self.graph_tensors)}
        return ((0,), *(tuple(number[tensor] for tensor in step.inputs) for step in self.steps))

    def readers(self, tensor: int) -> list[int]:
        """Layers that read a device tensor."""
        return [layer for layer in self.layers if tensor in self.sources(layer)]

    def mac_readers(self, tensor: int) -> list[int]:
        """MAC layers that read a device tensor's events."""
        readers = (layer for layer in self.layers if self.source(layer) == tensor)
        return [layer for layer in readers if self.step(layer).op is Op.MAC]

    def keeps_events(self, tensor: int, modes: Modes) -> bool:
        """Whether a device tensor has a place in EVENTS. The compact machine takes events that are no
        differences from the codes themselves."""
        needed = modes[tensor] is Mode.DELTA or not self.config.compact
        return needed and bool(self.mac_readers(tensor))

    def is_output(self, tensor: int) -> bool:
        """Whether a device tensor is an output of the model."""
        return any(output.tensor == self.graph_tensors[tensor] for output in self.graph.outputs)

    def spreads(self, tensor: int) -> bool:
        """Whether the pixels of a device tensor take turns with the elements of their words, so that banks
        which share an output have equal work (:mod:`stillframe.contract.spread`).

        Of the input alone, and only where a word has room for it, and where all of its readers multiply its
        events by weights of their own for each element.
        """
        return tensor == 0 and self._spread

    @cached_property
    def _spread(self) -> bool:
        config, channels, readers = self.config, self.layouts[0].channels, self.readers(0)
        if channels % config.banks == 0 or channels * config.banks > config.drain or self.is_output(0):
            return False
        plain = all(
            self.step(layer).op is Op.MAC
            and not self.channelwise(layer)
            and self.source(layer) == 0
            and self.sources(layer).count(0) == 1
            for layer in readers
        )
        return plain and any(self.share(layer) > 1 for layer in readers)

    def elements(self, tensor: int) -> npt.NDArray[np.intp]:
        """The element of its pixel, padding counted, that each position of a device tensor's channels is:
        (height, width, channels), or (channels,) if all pixels are alike."""
        layout = self.layouts[tensor]
        if self.spreads(tensor):
            return spread_elements(layout.height, layout.width, layout.channels, self.config.banks)
        return np.arange(layout.channels)

    def uses_state(self, layer: int, modes: Modes) -> bool:
        """Whether a layer keeps its accumulators from frame to frame."""
        return layer > 0 and self.step(layer).op is Op.MAC and modes[self.source(layer)] is Mode.DELTA

    def evaluates_all(self, layer: int, modes: Modes) -> bool:
        """Whether a layer gives every output in each frame in which it runs.

        It must if its events do not tell changes, or if its output's events are those of whole frames.
        """
        tensors = (*self.sources(layer), layer)
        return any(modes[tensor] is not Mode.DELTA for tensor in tensors)

    def channelwise(self, layer: int) -> bool:
        """Whether the lanes of a MAC layer stand for input channels."""
        product = self.step(layer).product
        return product is not None and product.channelwise

    def share(self, layer: int) -> int:
        """Banks that share each output of a MAC layer: a power of two; all if lanes are input channels."""
        if self.channelwise(layer):
            return self.config.banks
        return share(self.layouts[layer].channels, self.config)

    def side(self, layer: int) -> int:
        """Kernel columns that a bank works on at once in a MAC layer: each has lanes of its own."""
        if self.channelwise(layer):
            return self.config.taps
        step = self.step(layer)
        return side_by_side(self.layouts[layer].channels, step.window[1], step.strides[1], self.config)

    def pass_channels(self, layer: int) -> int:
        """Output channels of a full pass of a MAC layer."""
        if self.channelwise(layer):
            return self.config.drain
        return self.config.banks // self.share(layer) * self.config.lanes

    def groups(self, layer: int) -> int:
        """Passes of the array over an output row."""
        return -(-self.layouts[layer].channels // self.pass_channels(layer))

    def word_cycles(self, layer: int) -> int:
        """Cycles of the drain for a word of a MAC layer: one, or those in which a second tensor is added."""
        return 2 * self.config.add_cycles if self.step(layer).fused else 1

    def span(self, layer: int) -> int:
        """Columns from the first one of a layer's window to its last."""
        step = self.step(layer)
        return (step.window[1] - 1) * step.dilation[1]

    def blocks(self, layer: int) -> Blocks:
        """How the output rows of a MAC layer are cut up."""
        return blocks(self.span(layer), self.step(layer).strides[1], self.layouts[layer].width)

    def weights(self, layer: int) -> int:
        """Weights that a layer has in the model."""
        product = self.step(layer).product if layer else None
        return 0 if product is None or product.weights is None else int(product.weights.size)

    def tap_rows(self, layer: int) -> int:
        """WEIGHTS rows of a MAC layer from one kernel column to the next, where it has rows for each."""
        return 1 if self.channelwise(layer) else self.config.drain // self.share(layer)

    def weight_rows(self, layer: int) -> int:
        """WEIGHTS rows of a MAC layer's pass; weights that are all 1 are one row for all."""
        step = self.step(layer)
        assert step.product is not None, "only MAC layers have weights"
        if step.product.weights is None:
            return 1
        words = 1 if self.channelwise(layer) else self.layouts[self.source(layer)].words
        return step.window[0] * step.window[1] * words * self.tap_rows(layer)

    def param_rows(self, layer: int) -> int:
        """PARAMS rows of a layer: of its products, for each border a row for each word; and of its sums."""
        step, words = self.step(layer), self.layouts[layer].words
        borders = 0 if step.product is None else step.product.bias.shape[0]
        return words * (borders + (step.add is not None))

    def copying(self, layer: int) -> int:
        """Rows of block RAM of which a layer's parameters are copied when it starts, one a cycle."""
        config = self.config
        return self.param_rows(layer) * config.drain // PARAMS_COPIED if config.params_cache else 0

    def macs_dense(self, layer: int) -> int:
        """Multiplications of a dense pass over taps inside the image, real channels only."""
        product = self.step(layer).product if layer else None
        if product is None:
            return 0
        step, source, target = self.step(layer), self.layouts[self.source(layer)], self.layouts[layer]
        taps = 1
        for size, outputs, kernel, stride, dilation, (before, _) in zip(
            (source.height, source.width),
            (target.height, target.width),
            step.window,
            step.strides,
            step.dilation,
            step.padding,
            strict=True,
        ):
            starts = [output * stride - before for output in range(outputs)]
            positions = (start + tap * dilation for start in starts for tap in range(kernel))
            taps *= sum(0 <= position < size for position in positions)
        return taps * (1 if product.depthwise else source.channels) * target.channels
