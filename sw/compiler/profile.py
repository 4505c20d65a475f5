"""Which values of each tensor are events on calibration frames: what estimates and plans are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import Mode, StillframeError
from stillframe.frontend import Graph
from stillframe.frontend.graph import Int8, Tensor
from stillframe.frontend.shapes import map_shape

Marks = npt.NDArray[np.bool_]
"""Which elements: bool, (height, width, channels) or with the frames first."""

FRAMES = 15
"""Frames that a profile keeps: the estimate takes time for each. The first ones, since a video's frames may
change in turns more and less, by how it was encoded."""


@dataclass(frozen=True)
class Activity:
    """What a tensor's elements do in some frames, none of them a key frame.

    Attributes:
        changed: Elements sent in a frame, (frames, height, width, channels).
        non_zero: Elements whose last sent code is not the zero point, of the same shape.
    """

    changed: Marks
    non_zero: Marks

    def events(self, mode: Mode, frames: Marks | slice = slice(None)) -> Marks:
        """The elements that are events in a mode, (frames, height, width, channels); of some frames only."""
        match mode:
            case Mode.DELTA:
                return self.changed[frames]
            case Mode.DIRECT:
                return self.non_zero[frames]
        return np.ones_like(self.changed[frames])


def rows_with(marks: Marks) -> Marks:
    """Rows of (..., height, width, channels) that have a marked element: bool, (..., height)."""
    rows: Marks = np.logical_or.reduce(marks, axis=(-2, -1))
    return rows


@dataclass(frozen=True)
class Profile:
    """Activity of the graph's tensors in the same frames.

    Attributes:
        tensors: By the tensor's name.
        arriving: Input pixels that differ from those of the frame before, so that the host sends them: bool,
            (frames, height, width).
    """

    tensors: Mapping[str, Activity]
    arriving: Marks

    @property
    def frames(self) -> int:
        """How many frames were looked at."""
        return len(self.arriving)


def profile_graph(graph: Graph, codes: Int8, threshold: int = 0) -> Profile:
    """Activity of a graph's tensors on consecutive frames, by the golden model (it loads TensorFlow).

    Args:
        graph: The network.
        codes: Input codes, int8 (frames, height, width, channels), two frames or more; the first is a key
            frame and does not count. Of the others the first :data:`FRAMES` are kept.
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

    codes = codes[: 1 + FRAMES]
    trace = GoldenModel(graph, thresholds=threshold).run(codes)
    tensors = {}
    for index, tensor in enumerate(graph.tensors):
        sent = trace.tensors[index].reshape(len(codes), *map_shape(tensor.shape))
        # What is sent differs from what was last sent, and nothing else does.
        tensors[tensor.name] = Activity(sent[1:] != sent[:-1], sent[1:] != tensor.zero_point)
    differ = (codes[1:] != codes[:-1]).reshape(-1, *map_shape(graph.tensors[0].shape))
    return Profile(tensors, np.logical_or.reduce(differ, axis=-1))


@dataclass(frozen=True)
class Density:
    """Share of a tensor's elements that are events, where no frames tell which.

    Attributes:
        changed: Elements that are sent in a frame (delta mode), 0 to 1.
        non_zero: Elements whose last sent code is not the zero point (direct mode), 0 to 1.
    """

    changed: float
    non_zero: float


ASSUMED = Density(changed=0.25, non_zero=0.5)
"""Taken for a tensor of which nothing is known: the middle of what networks on video have."""


def draw_profile(graph: Graph, densities: Mapping[str, Density], frames: int = 1) -> Profile:
    """A profile without frames: events at random places, the same ones in every call.

    Args:
        graph: The network.
        densities: By the tensor's name; :data:`ASSUMED` for those left out.
        frames: How many to draw.
    """
    random = np.random.default_rng(0)

    def draw(tensor: Tensor) -> Activity:
        density = densities.get(tensor.name, ASSUMED)
        places = random.random((frames, *map_shape(tensor.shape)), np.float32)
        return Activity(places < density.changed, places < density.non_zero)

    tensors = {tensor.name: draw(tensor) for tensor in graph.tensors}
    arriving: Marks = np.logical_or.reduce(tensors[graph.tensors[0].name].changed, axis=-1)
    return Profile(tensors, arriving)
