"""Utilisation against density: single convolutions, of whose inputs so much changes from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stillframe.compiler import profile_graph
from stillframe.contract import ArrayConfig, Op, StillframeError
from stillframe.driver import open_device
from stillframe.run.progress import Progress

from .comparison import Comparison, compare
from .convolutions import convolution, frames

SCHEMA = "stillframe.bench.density/1"
"""Version of the object that is written."""


@dataclass(frozen=True)
class Point:
    """A convolution at one density.

    Attributes:
        channels, density: Of input (and output), and the share of its values that change.
        comparison: What was measured.
    """

    channels: int
    density: float
    comparison: Comparison

    def layer_utilisation(self, mode: str) -> float | None:
        """The convolution's alone, without the encoding of the frame; None where it does not fit."""
        if mode not in self.comparison.measured:
            return None
        statistics = self.comparison.measured[mode].statistics
        layers = zip(statistics.program.layers, statistics.by_layer() or (), strict=True)
        return next(means.lane_utilisation for layer, means in layers if layer.fields["op"] == Op.MAC)

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file, see docs/benchmarks.md."""
        return {"channels": self.channels, "density": self.density, **self.comparison.as_json()}


def sweep(
    arrays: Sequence[ArrayConfig],
    channels: Sequence[int],
    densities: Sequence[float],
    size: int,
    count: int,
    progress: Progress,
) -> list[Point]:
    """Measure all convolutions at all densities on all arrays.

    Args:
        arrays: Arrays to simulate.
        channels, densities: What to sweep.
        size: Rows and columns of the frames.
        count: Frames that are counted.
        progress: Told what is done.

    Raises:
        StillframeError: None of the convolutions fits an array.
    """
    progress.stage("converting the convolutions")
    graphs = {n: convolution(n, size) for n in channels}
    points = []
    for config in arrays:
        progress.stage(f"building the accelerator {config.name}")
        with open_device("sim", config, on_status=progress.say) as device:
            for n, graph in graphs.items():
                for density in densities:
                    codes = frames(graph, density, 1 + count)
                    points.append(
                        Point(
                            n,
                            density,
                            compare(
                                device,
                                graph,
                                config,
                                list(codes),
                                f"density {density:g}",
                                profile_graph(graph, codes),
                                0,
                                progress,
                            ),
                        )
                    )
    if not any(point.comparison.measured for point in points):
        raise StillframeError(
            f"bench density: expected a convolution that fits {', '.join(c.name for c in arrays)}, "
            "found none",
            "take fewer channels or a smaller --size, or the part virtual: --array 4x16@virtual",
        )
    return points
