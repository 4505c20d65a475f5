"""Draws nodes of every kind, one after the other, onto a growing graph."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from random_linear import MOST_CHANNELS, LinearLayers

from stillframe.frontend import MaxPool, PRelu
from stillframe.frontend.graph import ADD_LEFT_SHIFT, Add, Concat, Lookup, Pad, Resize
from stillframe.frontend.quantise import quantise_multiplier

LARGEST_MAP = 20
"""Rows and columns that a PAD or RESIZE may give."""


class GraphBuilder(LinearLayers):
    """Draws layers that compute on codes, too."""

    def max_pool(self, source: int) -> int:
        return self._pool(MaxPool, "MAX_POOL_2D", source)

    def add(self, source: int) -> int:
        """With a tensor of the same shape, or with what a convolution makes of the source."""
        shape = self.tensors[source].shape
        others = [i for i, tensor in enumerate(self.tensors) if tensor.shape == shape]
        if len(others) == 1 or self.draw(st.booleans()):
            others = [self._conv("CONV_2D", source, self.tensor(shape))]
        inputs = [source, self.draw(st.sampled_from(others))]
        if self.draw(st.booleans()):
            inputs.reverse()
        scales = self.rng.uniform(0.01, 1, 2)
        twice = 2 * float(scales.max())
        target = twice * float(self.rng.uniform(0.25, 1))
        act_min, act_max = self._range()
        subtract = self.draw(st.booleans())
        self.nodes.append(
            Add(
                **self._common("SUB" if subtract else "ADD", *inputs),
                output=self.tensor(shape),
                first=quantise_multiplier(float(scales[0]) / twice),
                second=quantise_multiplier(float(scales[1]) / twice),
                result=quantise_multiplier(twice / (1 << ADD_LEFT_SHIFT) / target),
                act_min=act_min,
                act_max=act_max,
                subtract=subtract,
            )
        )
        return self.nodes[-1].output

    def concat(self, source: int) -> int:
        """Of two to four tensors, some of them made of the source."""
        if not self._is_map(source):
            return self.relu(source)
        height, width, _ = self._shape(source)
        zero_point = self.tensors[source].zero_point
        inputs = [source]
        for _ in range(self.draw(st.integers(1, 3))):
            alike = [
                i
                for i, tensor in enumerate(self.tensors)
                if self._shape(i)[:2] == (height, width) and tensor.zero_point == zero_point
            ]
            other = self.draw(st.sampled_from([*alike, None]))
            if other is None:
                shape = (height, width, self.draw(st.integers(1, 9)))
                other = self._conv("CONV_2D", source, self.tensor(shape, zero_point))
            if sum(self._shape(i)[2] for i in (*inputs, other)) <= MOST_CHANNELS:
                inputs.append(other)
        if len(inputs) == 1:
            return self.relu(source)
        inputs = self.draw(st.permutations(inputs))
        target = self.tensor((height, width, sum(self._shape(i)[2] for i in inputs)), zero_point)
        self.nodes.append(Concat(**self._common("CONCATENATION", *inputs), output=target))
        return target

    def pad(self, source: int) -> int:
        if not self._is_map(source):
            return self.relu(source)
        height, width, channels = self._shape(source)
        sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
        padding = (self.draw(sides), self.draw(sides))
        size = (height + sum(padding[0]), width + sum(padding[1]))
        if max(size) > LARGEST_MAP:
            return self.relu(source)
        target = self.tensor((*size, channels), self.tensors[source].zero_point)
        self.nodes.append(Pad(**self._common("PAD", source), output=target, padding=padding))
        return target

    def resize(self, source: int) -> int:
        height, width, channels = self._shape(source)
        factors = (self.draw(st.integers(1, 3)), self.draw(st.integers(1, 3)))
        size = (height * factors[0], width * factors[1])
        if not self._is_map(source) or max(size) > LARGEST_MAP:
            return self.relu(source)
        target = self.tensor((*size, channels), self.tensors[source].zero_point)
        common = self._common("RESIZE_NEAREST_NEIGHBOR", source)
        self.nodes.append(Resize(**common, output=target, factors=factors))
        return target

    def prelu(self, source: int) -> int:
        shape = self.tensors[source].shape
        target = self.tensor(shape)
        self.nodes.append(
            PRelu(
                **self._common("PRELU", source),
                output=target,
                alpha=self.rng.integers(-128, 128, shape[-1]).astype(np.int8),
                alpha_zero_point=self.draw(st.sampled_from([0, -128, 12])),
                positive=self._scale(),
                negative=(self._scale()[0], -7),
            )
        )
        return target

    def lookup(self, source: int) -> int:
        """A LOGISTIC with a table of its own: any codes."""
        target = self.tensor(self.tensors[source].shape)
        codes = self.rng.integers(-128, 128, 256).astype(np.int8)
        self.nodes.append(Lookup(**self._common("LOGISTIC", source), output=target, codes=codes))
        return target
