"""Hypothesis strategies: small random graphs, and clips in which little changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from random_layers import GraphBuilder

from stillframe.contract import ArrayConfig
from stillframe.frontend import Graph, GraphInput, GraphOutput

Codes = npt.NDArray[np.int8]

ARRAYS = ("1x4@25F", "1x16@25F", "2x8@85F", "4x8@45F", "4x16@85F", "8x16@virtual")
"""Of 4 to 128 lanes in 1 to 8 banks, draining 2 to 32 elements a cycle."""


def arrays() -> st.SearchStrategy[ArrayConfig]:
    """:data:`ARRAYS`, and one that drains an element a cycle, with room for every graph of :func:`graphs`."""
    parsed = [ArrayConfig.parse(name) for name in ARRAYS]
    return st.sampled_from([roomy(config) for config in [*parsed, replace(parsed[0], drain=1)]])


def roomy(config: ArrayConfig) -> ArrayConfig:
    """The array with memories that hold every graph of :func:`graphs`."""
    return replace(
        config,
        layers=64,
        codes_words=(1 << 20) // config.drain,
        events_words=(1 << 19) // config.drain,
        state_words=(1 << 20) // config.drain,
        weights_words=1 << 15,
        params_words=1 << 13,
        tables_words=(1 << 17) // config.drain,
        masks_words=(1 << 17) // config.drain,
        rows=1 << 11,
    )


@st.composite
def graphs(draw: Any) -> Graph:
    """Graphs of some one to six layers; each reads the input or an earlier tensor; one to three outputs."""
    builder = GraphBuilder(draw, np.random.default_rng(draw(st.integers(0, 1 << 32))))
    builder.tensor((draw(st.integers(1, 9)), draw(st.integers(1, 11)), draw(st.integers(1, 5))))
    kinds = [
        builder.convolution,
        builder.depthwise,
        builder.dense,
        builder.max_pool,
        builder.average_pool,
        builder.mean,
        builder.add,
        builder.concat,
        builder.pad,
        builder.resize,
        builder.prelu,
        builder.relu,
        builder.lookup,
    ]
    more = [builder.convolution, builder.depthwise, builder.average_pool, builder.add, builder.pad]
    for _ in range(draw(st.integers(1, 6))):
        last = len(builder.tensors) - 1
        # Mostly a chain, with a branch now and then.
        source = draw(st.sampled_from([last, last, last, draw(st.integers(0, last))]))
        draw(st.sampled_from([*kinds, *more]))(source)
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
