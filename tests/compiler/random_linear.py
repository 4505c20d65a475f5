"""Draws sums of products, one after the other, onto a growing graph."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from stillframe.frontend import Conv, MaxPool, Node, Relu, Tensor
from stillframe.frontend.graph import AveragePool, DepthwiseConv, Mean, Padding, Pair
from stillframe.frontend.quantise import accumulator_range, mean_multiplier, single_rounding_multiplier

MOST_CHANNELS = 40
"""Channels that a depthwise convolution or CONCATENATION may give."""


@dataclass
class LinearLayers:
    """Tensors and nodes so far; each method adds a node, perhaps some before it, that reads ``source``.

    Methods return the index of the tensor that is made. Those that need a map make a RELU of a vector.
    """

    draw: Any
    rng: np.random.Generator
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def tensor(self, shape: tuple[int, ...], zero_point: int | None = None) -> int:
        if zero_point is None:
            zero_point = self.draw(st.sampled_from([0, -128, -128, 127, -3, 40]))
        self.tensors.append(Tensor(f"tensor{len(self.tensors)}", shape, 0.1, zero_point))
        return len(self.tensors) - 1

    def _common(self, op: str, *sources: int) -> dict[str, Any]:
        return {"name": f"layer{len(self.nodes)}", "op": op, "inputs": sources}

    def _shape(self, tensor: int) -> tuple[int, int, int]:
        height, width, channels = (1, 1, *self.tensors[tensor].shape)[-3:]
        return height, width, channels

    def _is_map(self, tensor: int) -> bool:
        return len(self.tensors[tensor].shape) == 3

    def _window(
        self, shape: tuple[int, ...], largest: int, dilation: Pair = (1, 1)
    ) -> tuple[Pair, Pair, Padding, Pair]:
        """A window, strides, SAME or VALID padding as TensorFlow has it, and the output's size.

        Columns have a stride or a dilation, not both: the array cannot do that.
        """
        same = self.draw(st.booleans())
        window, strides, padding, size = [], [], [], []
        for axis, (extent, step) in enumerate(zip(shape[:2], dilation, strict=True)):
            fitting = [k for k in range(1, largest + 1) if same or (k - 1) * step < extent]
            kernel = self.draw(st.sampled_from(fitting))
            either = axis == 1 and step > 1
            stride = 1 if either else self.draw(st.sampled_from([1, 1, 2, 2, 3, 4]))
            reach = (kernel - 1) * step + 1
            outputs = -(-extent // stride) if same else (extent - reach) // stride + 1
            total = max(0, (outputs - 1) * stride + reach - extent) if same else 0
            window.append(kernel)
            strides.append(stride)
            padding.append((total // 2, total - total // 2))
            size.append(outputs)
        return tuple(window), tuple(strides), tuple(padding), tuple(size)  # type: ignore[return-value]

    def _dilation(self) -> Pair:
        return self.draw(st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 1), (2, 2)]))

    def _range(self) -> Pair:
        return self.draw(st.sampled_from([(-128, 127), (-128, 60), (-20, 127), (-9, 33)]))

    def convolution(self, source: int) -> int:
        dilation = self._dilation()
        window, strides, padding, size = self._window(self._shape(source), 4, dilation)
        target = self.tensor((*size, self.draw(st.integers(1, 19))))
        return self._conv("CONV_2D", source, target, window, strides, padding, dilation)

    def dense(self, source: int) -> int:
        target = self.tensor((self.draw(st.integers(1, 19)),))
        self._conv("FULLY_CONNECTED", source, target, self._shape(source)[:2])
        node = self.nodes[-1]
        assert isinstance(node, Conv)
        self.nodes[-1] = self._rescaled_in_doubles(node)
        return target

    def _rescaled_in_doubles(self, node: Conv) -> Conv:
        """The node rescaled in doubles, and with integers for it, if there are any for all channels."""
        real = np.ldexp(node.multiplier.astype(np.float64) + self.rng.random(len(node.bias)), node.shift - 31)
        zero_point = self.tensors[node.output].zero_point
        low, high = accumulator_range(node.weights, node.bias, self.tensors[node.inputs[0]].zero_point)
        codes = (node.act_min - zero_point, node.act_max - zero_point)
        found = [
            single_rounding_multiplier(factor, (int(least), int(most)), codes)
            for factor, least, most in zip(real.tolist(), low, high, strict=True)
        ]
        pairs = [pair for pair in found if pair is not None]
        if len(pairs) < len(found):
            return node
        multiplier, shift = np.array(pairs, np.int32).T
        return replace(node, multiplier=multiplier, shift=shift, real_multiplier=real)

    def _conv(
        self,
        op: str,
        source: int,
        target: int,
        window: Pair = (1, 1),
        strides: Pair = (1, 1),
        padding: Padding = ((0, 0), (0, 0)),
        dilation: Pair = (1, 1),
    ) -> int:
        channels, outputs = self._shape(source)[2], self._shape(target)[2]
        linear = self._linear((*window, channels, outputs), channels * int(np.prod(window)), outputs)
        common = self._common(op, source) | linear
        self.nodes.append(Conv(**common, output=target, strides=strides, padding=padding, dilation=dilation))
        return target

    def depthwise(self, source: int) -> int:
        channels = self._shape(source)[2]
        if not self._is_map(source) or channels > MOST_CHANNELS:
            return self.relu(source)
        multiplier = self.draw(st.integers(1, min(8, MOST_CHANNELS // channels)))
        dilation = self._dilation()
        window, strides, padding, size = self._window(self._shape(source), 4, dilation)
        outputs = channels * multiplier
        target = self.tensor((*size, outputs))
        linear = self._linear((*window, channels, multiplier), int(np.prod(window)), outputs)
        common = self._common("DEPTHWISE_CONV_2D", source) | linear
        self.nodes.append(
            DepthwiseConv(**common, output=target, strides=strides, padding=padding, dilation=dilation)
        )
        return target

    def _linear(self, shape: tuple[int, ...], terms: int, outputs: int) -> dict[str, Any]:
        """Weights and requantisation of a convolution of ``terms`` products a sum."""
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        # Scales so that outputs spread over the codes and some of them clip, by either shift.
        spread = 60 / (8000 * np.sqrt(terms))
        shift = np.floor(np.log2(spread)) + 1 + self.rng.integers(-1, 3, outputs)
        if self.draw(st.booleans()):
            weights = np.sign(weights) * (self.rng.random(weights.shape) < 0.05).astype(np.int8)
            shift = self.rng.integers(-3, 4, outputs)
        act_min, act_max = self._range()
        return {
            "weights": weights.astype(np.int8),
            "bias": self.rng.integers(-3000, 3000, outputs).astype(np.int32),
            "multiplier": self.rng.integers(1 << 30, 1 << 31, outputs).astype(np.int32),
            "shift": shift.astype(np.int32),
            "act_min": act_min,
            "act_max": act_max,
        }

    def average_pool(self, source: int) -> int:
        return self._pool(AveragePool, "AVERAGE_POOL_2D", source)

    def _pool(self, kind: type[MaxPool] | type[AveragePool], op: str, source: int) -> int:
        if not self._is_map(source):
            return self.relu(source)
        shape = self._shape(source)
        window, strides, padding, size = self._window(shape, 4)
        act_min, act_max = self._range()
        target = self.tensor((*size, shape[2]), self.tensors[source].zero_point)
        self.nodes.append(
            kind(
                **self._common(op, source),
                output=target,
                window=window,
                strides=strides,
                padding=padding,
                act_min=act_min,
                act_max=act_max,
            )
        )
        return target

    def mean(self, source: int) -> int:
        if not self._is_map(source):
            return self.relu(source)
        height, width, channels = self._shape(source)
        target = self.tensor(self.draw(st.sampled_from([(channels,), (1, 1, channels)])))
        multiplier, shift = mean_multiplier(1.0, float(self.rng.uniform(0.3, 2)), height * width)
        common = self._common("MEAN", source)
        self.nodes.append(Mean(**common, output=target, multiplier=multiplier, shift=shift))
        return target

    def _scale(self) -> Pair:
        return int(self.rng.integers(1 << 30, 1 << 31)), int(self.rng.integers(-2, 2))

    def relu(self, source: int) -> int:
        target = self.tensor(self.tensors[source].shape)
        act_min, act_max = self._range()
        multiplier, shift = self._scale()
        self.nodes.append(
            Relu(
                **self._common("RELU", source),
                output=target,
                multiplier=multiplier,
                shift=shift,
                act_min=act_min,
                act_max=act_max,
            )
        )
        return target
