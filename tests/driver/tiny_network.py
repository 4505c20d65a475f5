"""A network of some hundred cycles a frame, and frames whose answers the golden model knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from small_arrays import small_array
from small_graphs import AROUND, Layer, chain

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, Program
from stillframe.frontend import Conv, Graph
from stillframe.golden import GoldenModel

LARGE, COMPACT = small_array("1x4"), ArrayConfig.parse("1x4@UP5K")
"""An array of each family."""


def tiny_graph() -> Graph:
    """Three convolutions with random weights, 3 x 3, 1 x 1 and 1 x 1: 4 x 4 x 2 to 3 to 4 to 4 channels.

    With the input four layers, so that their counters are as many bytes as the output on an array whose words
    have four elements: only sequence numbers tell the answers that carry them from each other.
    """
    rng = np.random.default_rng(1)
    point = Layer(Conv, channels=4, shift=-7)
    graph = chain((4, 4, 2), Layer(Conv, (3, 3), 3, shift=-8, padding=AROUND), point, point, zero_point=-5)
    nodes = (
        replace(
            node,
            weights=rng.integers(-127, 128, node.weights.shape, np.int8),
            bias=rng.integers(-1000, 1000, node.bias.shape, np.int32),
        )
        for node in graph.nodes
        if isinstance(node, Conv)
    )
    return replace(graph, nodes=tuple(nodes))


@dataclass(frozen=True)
class Case:
    """The network on an array: its program, frames that each differ from all others, and their answers."""

    program: Program
    frames: npt.NDArray[np.int8]
    answers: npt.NDArray[np.int8]


def tiny_case(config: ArrayConfig, count: int = 64) -> Case:
    """In each frame about a fifth of the pixels differ from the frame before."""
    graph = tiny_graph()
    rng = np.random.default_rng(2)
    frames = [rng.integers(-128, 128, graph.tensors[0].shape, np.int8)]
    while len(frames) < count:
        changed = rng.random(frames[0].shape[:2]) < 0.2
        fresh = rng.integers(-128, 128, frames[0].shape, np.int8)
        frames.append(np.where(changed[..., np.newaxis], fresh, frames[-1]))
    (answers,) = GoldenModel(graph, 0).run(np.stack(frames)).outputs.values()
    return Case(compile_graph(graph, config, mode="delta"), np.stack(frames), answers)
