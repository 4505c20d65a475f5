"""Hypothesis strategies: small random graphs, and clips in which little changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from stillframe.contract import ArrayConfig
from stillframe.frontend import Conv, Graph, GraphInput, GraphOutput, MaxPool, Node, PRelu, Relu, Tensor
from stillframe.frontend.quantise import accumulator_range, single_rounding_multiplier

Codes = npt.NDArray[np.int8]

ARRAYS = ("1x4@25F", "1x16@25F", "2x8@85F", "4x16@85F", "4x16@45F")
"""Of 4 to 64 lanes, draining 4 or 2 elements a cycle."""


def arrays() -> st.SearchStrategy[ArrayConfig]:
    """Arrays that drain 4, 2 and 1 elements a cycle, with room for every graph of :func:`graphs`."""
    parsed = [ArrayConfig.parse(name) for name in ARRAYS]
    return st.sampled_from([roomy(config) for config in [*parsed, replace(parsed[0], drain=1)]])


def roomy(config: ArrayConfig) -> ArrayConfig:
    """The array with memories that hold every graph of :func:`graphs`."""
    return replace(
        config,
        codes_words=1 << 15,
        events_words=1 << 15,
        state_words=1 << 15,
        weights_words=1 << 16,
        params_words=1 << 10,
        tables_words=1 << 13,
        masks_words=1 << 12,
    )


@dataclass
class _Builder:
    """Draws nodes one after the other onto a growing graph."""

    draw: Any
    rng: np.random.Generator
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def tensor(self, shape: tuple[int, ...], zero_point: int | None = None) -> int:
        if zero_point is None:
            zero_point = self.draw(st.sampled_from([0, -128, 127, -3, 40]))
        self.tensors.append(Tensor(f"tensor{len(self.tensors)}", shape, 0.1, zero_point))
        return len(self.tensors) - 1

    def _common(self, op: str, source: int) -> dict[str, Any]:
        return {"name": f"layer{len(self.nodes)}", "op": op, "inputs": (source,)}

    def _window(
        self, shape: tuple[int, ...], largest: int
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[tuple[int, int], tuple[int, int]], tuple[int, int]]:
        """A window, strides, SAME or VALID padding as TensorFlow has it, and the output's size."""
        same = self.draw(st.booleans())
        window, strides, padding, size = [], [], [], []
        for extent in shape[:2]:
            kernel = self.draw(st.integers(1, largest if same else min(largest, extent)))
            stride = self.draw(st.integers(1, 2))
            outputs = -(-extent // stride) if same else (extent - kernel) // stride + 1
            total = max(0, (outputs - 1) * stride + kernel - extent) if same else 0
            window.append(kernel)
            strides.append(stride)
            padding.append((total // 2, total - total // 2))
            size.append(outputs)
        return tuple(window), tuple(strides), tuple(padding), tuple(size)  # type: ignore[return-value]

    def _range(self) -> tuple[int, int]:
        return self.draw(st.sampled_from([(-128, 127), (-128, 60), (-20, 127), (-9, 33)]))

    def convolution(self, source: int) -> int:
        shape = (1, 1, *self.tensors[source].shape)[-3:]
        window, strides, padding, size = self._window(shape, 4)
        return self._conv("CONV_2D", source, window, strides, padding, (*size, self.draw(st.integers(1, 19))))

    def dense(self, source: int) -> int:
        shape = (1, 1, *self.tensors[source].shape)[-3:]
        outputs = (self.draw(st.integers(1, 19)),)
        target = self._conv("FULLY_CONNECTED", source, shape[:2], (1, 1), ((0, 0), (0, 0)), outputs)
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
        self, op: str, source: int, window: Any, strides: Any, padding: Any, shape: tuple[int, ...]
    ) -> int:
        inputs, outputs = self.tensors[source].shape[-1], shape[-1]
        target = self.tensor(shape)
        weights = self.rng.integers(-127, 128, (*window, inputs, outputs)).astype(np.int8)
        # Scales so that outputs spread over the codes and some of them clip, by either shift.
        spread = 60 / (8000 * np.sqrt(weights[..., 0].size))
        shift = np.floor(np.log2(spread)) + 1 + self.rng.integers(-1, 3, outputs)
        if self.draw(st.booleans()):
            weights = np.sign(weights) * (self.rng.random(weights.shape) < 0.05).astype(np.int8)
            shift = self.rng.integers(-3, 4, outputs)
        act_min, act_max = self._range()
        node = Conv(
            **self._common(op, source),
            output=target,
            weights=weights.astype(np.int8),
            bias=self.rng.integers(-3000, 3000, outputs).astype(np.int32),
            strides=strides,
            padding=padding,
            multiplier=self.rng.integers(1 << 30, 1 << 31, outputs).astype(np.int32),
            shift=shift.astype(np.int32),
            act_min=act_min,
            act_max=act_max,
        )
        self.nodes.append(node)
        return target

    def pool(self, source: int) -> int:
        shape = self.tensors[source].shape
        if len(shape) == 1:
            return self.relu(source)
        window, strides, padding, size = self._window(shape, 3)
        act_min, act_max = self._range()
        target = self.tensor((*size, shape[2]), self.tensors[source].zero_point)
        self.nodes.append(
            MaxPool(
                **self._common("MAX_POOL_2D", source),
                output=target,
                window=window,
                strides=strides,
                padding=padding,
                act_min=act_min,
                act_max=act_max,
            )
        )
        return target

    def _scale(self) -> tuple[int, int]:
        return int(self.rng.integers(1 << 30, 1 << 31)), int(self.rng.integers(-2, 2))

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


@st.composite
def graphs(draw: Any) -> Graph:
    """Graphs of one to six nodes; each reads the input or an earlier tensor; one to three outputs."""
    builder = _Builder(draw, np.random.default_rng(draw(st.integers(0, 1 << 32))))
    builder.tensor((draw(st.integers(1, 9)), draw(st.integers(1, 11)), draw(st.integers(1, 5))))
    kinds = [builder.convolution, builder.dense, builder.pool, builder.prelu, builder.relu]
    for _ in range(draw(st.integers(1, 6))):
        last = len(builder.tensors) - 1
        # Mostly a chain, with a branch now and then.
        source = draw(st.sampled_from([last, last, last, draw(st.integers(0, last))]))
        draw(st.sampled_from([builder.convolution, *kinds]))(source)
    read = {tensor for node in builder.nodes for tensor in node.inputs}
    made = [node.output for node in builder.nodes]
    outputs = [tensor for tensor in made if tensor not in read]
    extra = draw(st.sampled_from(made))
    if draw(st.booleans()) and extra not in outputs:
        outputs.append(extra)
    return Graph(
        name="random",
        tensors=tuple(builder.tensors),
        nodes=tuple(builder.nodes),
        input=GraphInput("input", 0, ()),
        outputs=tuple(
            GraphOutput(f"output{i}", tensor, builder.tensors[tensor].shape, 0.1, 0, ())
            for i, tensor in enumerate(outputs)
        ),
        tflite=b"",
    )


def clip(graph: Graph, seed: int, frames: int = 5) -> Codes:
    """Frames of input codes: noise, small changes, a still frame, extremes and back, one element."""
    rng = np.random.default_rng(seed)
    shape = graph.tensors[graph.input.tensor].shape
    frame = rng.integers(-128, 128, shape).astype(np.int16)
    clip = [frame]
    for index in range(1, frames):
        frame = frame.copy()
        match index % 5:
            case 1:
                moved = rng.random(shape) < 0.2
                frame[moved] += rng.integers(-6, 7, int(moved.sum()))
            case 3:
                frame[:] = np.where(rng.random(shape) < 0.5, -128, 127)
            case 4:
                frame[tuple(rng.integers(0, extent) for extent in shape)] = rng.integers(-128, 128)
        clip.append(np.clip(frame, -128, 127))
    return np.stack(clip).astype(np.int8)
