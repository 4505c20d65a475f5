"""The golden model of ResNet8 (residual additions, average pooling) on real frames against TFLite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clip_codes import clip_codes

from stillframe.frontend import Graph, read_tflite
from stillframe.golden import GoldenModel, ReferenceModel
from stillframe.video import ValueRange

RESNET8 = Path(__file__).parents[2] / ".." / "shared" / "models" / "resnet8_int8.tflite"


@pytest.fixture(scope="module")
def resnet8() -> Graph:
    if not RESNET8.is_file():
        pytest.skip("the measuring model ResNet8 is not here")
    return read_tflite(RESNET8.read_bytes(), "resnet8", "resnet8_int8.tflite")


@pytest.mark.parametrize("clip", ["carphone", "bikes"])
def test_every_tensor_and_output_equals_reference_kernels(resnet8, clip):
    codes = clip_codes(resnet8, clip, 60, ValueRange(0, 255))
    outputs, tensors = ReferenceModel(resnet8, tensors=True).run(codes)
    for mode in ("delta", "direct"):
        trace = GoldenModel(resnet8, mode=mode).run(codes)
        for i, values in tensors.items():
            np.testing.assert_array_equal(trace.tensors[i], values, err_msg=resnet8.tensors[i].name)
        for name, values in outputs.items():
            np.testing.assert_array_equal(trace.outputs[name], values, err_msg=name)


def test_delta_equals_direct_whatever_the_threshold_the_split_and_the_key_frames(resnet8):
    codes = clip_codes(resnet8, "bikes", 20, ValueRange(0, 255))
    whole = GoldenModel(resnet8, 2).run(codes, key=[7])
    direct = GoldenModel(resnet8, 2, mode="direct")
    parts = [direct.run(codes[:7]), direct.run(codes[7:], key=[0])]
    for i, values in whole.tensors.items():
        np.testing.assert_array_equal(values, np.concatenate([part.tensors[i] for part in parts]))
    assert any(
        (whole.tensors[i] != values).any() for i, values in GoldenModel(resnet8).run(codes).tensors.items()
    )
