"""How many events each tensor has on calibration frames: what the planner decides by."""

from __future__ import annotations

import numpy as np

from stillframe.contract import StillframeError
from stillframe.frontend import Graph
from stillframe.frontend.graph import Int8

from .planner import Density, Profile


def profile_graph(graph: Graph, codes: Int8, threshold: int = 0) -> Profile:
    """Densities of a graph's tensors on consecutive frames, by the golden model (it loads TensorFlow).

    Args:
        graph: The network.
        codes: Input codes, int8 (frames, height, width, channels), two frames or more; the first is a key
            frame and does not count.
        threshold: As for the program to be compiled.

    Raises:
        StillframeError: There are fewer than two frames, or they have another shape than the input.
    """
    if len(codes) < 2:
        raise StillframeError(
            f"model {graph.name}: expected at least 2 frames to count changes in, got {len(codes)}",
            "calibrate on more frames",
        )
    from stillframe.golden import GoldenModel

    trace = GoldenModel(graph, thresholds=threshold).run(codes)
    return {
        tensor.name: Density(
            changed=float(trace.sent[index][1:].mean()) / tensor.size,
            non_zero=float(np.mean(trace.tensors[index][1:] != tensor.zero_point)),
        )
        for index, tensor in enumerate(graph.tensors)
    }
