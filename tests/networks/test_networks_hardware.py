"""Networks that people deploy, on real frames: hardware, golden model and TFLite agree, values and counts.

``make verify`` runs all combinations (the tests marked ``full``); ``make test`` some of each network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from agreement import assert_agrees
from real_network import RealNetwork

from stillframe.compiler import compile_graph, profile_graph
from stillframe.contract import ArrayConfig
from stillframe.driver import Device, Session
from stillframe.golden import ReferenceModel

LARGE, SMALL = (
    ("mobilenet_v1", "mobilenet_v2"),
    (
        "ds_cnn",
        "small_xception",
        "tiny_unet",
        "person_stem",
        "two_heads",
    ),
)
ARRAYS = ("1x16@virtual", "2x8@virtual")
"""With memories for the largest of them: simulated only."""

MODES, THRESHOLDS, CLIPS = ("delta", "direct", "auto"), (0, 2), ("carphone", "bikes")
ALL = [
    (n, a, m, t, c) for n in LARGE + SMALL for a in ARRAYS for m in MODES for t in THRESHOLDS for c in CLIPS
]
ALWAYS = (
    {(name, ARRAYS[0], "delta", 0, "carphone") for name in LARGE + SMALL}
    | {(name, ARRAYS[1], "direct", 0, "bikes") for name in SMALL}
    | {(name, ARRAYS[1], "auto", 2, "bikes") for name in SMALL}
)
NARROW = [
    (name, "4x16@virtual", mode, threshold, "carphone")
    for name in ("ds_cnn", "person_stem", "two_heads")
    for mode, threshold in (("delta", 0), ("direct", 2))
]
"""Few channels in front of four banks: pixels of the input take turns, kernel columns are side by side."""


@pytest.mark.parametrize(
    ("name", "array", "mode", "threshold", "clip"),
    [pytest.param(*case, marks=[] if case in ALWAYS else pytest.mark.full) for case in ALL] + NARROW,
)
def test_all_agree(
    name: str,
    array: str,
    mode: str,
    threshold: int,
    clip: str,
    network: Callable[[str], RealNetwork],
    device: Callable[[str], Device],
) -> None:
    """The last of the frames stands still, and no MAC is issued in it but in mode direct."""
    chosen = network(name)
    codes = chosen.codes(clip, 2 if name in LARGE else 4)
    profile = profile_graph(chosen.graph, codes) if mode == "auto" else None
    program = compile_graph(
        chosen.graph, ArrayConfig.parse(array), mode=mode, threshold=threshold, profile=profile
    )
    results = assert_agrees(Session(device(array), program), chosen.graph, codes, threshold)
    if threshold == 0:
        for output, values in ReferenceModel(chosen.graph).run(codes)[0].items():
            np.testing.assert_array_equal([r.outputs[output] for r in results], values, output)
    issued = [sum(layer.macs_issued for layer in result.layers) for result in results]
    assert issued[1] > 0
    assert issued[-1] == (issued[-2] if mode == "direct" else 0)
