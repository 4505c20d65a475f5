"""The golden model of P-Net on real frames: against the reference kernels, and delta against direct mode."""

from __future__ import annotations

import numpy as np
import pytest

from stillframe.frontend import Conv, thresholds_for
from stillframe.golden import GoldenModel, ReferenceModel


def test_every_tensor_and_output_equals_reference_kernels(pnet, codes):
    outputs, tensors = ReferenceModel(pnet, tensors=True).run(codes)
    assert set(tensors) == set(range(len(pnet.tensors)))
    for mode in ("delta", "direct"):
        trace = GoldenModel(pnet, mode=mode).run(codes)
        for i, values in tensors.items():
            np.testing.assert_array_equal(trace.tensors[i], values, err_msg=pnet.tensors[i].name)
        assert set(outputs) == {"boxes", "faces"} == set(trace.outputs)
        for name, values in outputs.items():
            np.testing.assert_array_equal(trace.outputs[name], values, err_msg=name)
    assert outputs["faces"].std() > 1


def test_a_wrong_weight_is_seen(pnet, codes):
    """The comparison above can fail: one weight changed by one is enough."""
    outputs, _ = ReferenceModel(pnet).run(codes[:2])
    node = next(n for n in pnet.nodes if isinstance(n, Conv))
    node.weights[1, 1, 1, 0] ^= 1
    try:
        changed = GoldenModel(pnet).run(codes[:2]).outputs
    finally:
        node.weights[1, 1, 1, 0] ^= 1
    assert any((changed[name] != values).any() for name, values in outputs.items())


@pytest.mark.parametrize("threshold", [0, 2, 8])
def test_delta_equals_direct_whatever_the_split_and_the_key_frames(pnet, codes, threshold):
    delta = GoldenModel(pnet, threshold)
    whole = delta.run(codes, key=[7, 30, 31])
    direct = GoldenModel(pnet, threshold, mode="direct")
    parts = [
        direct.run(codes[:7]),
        direct.run(codes[7:20], key=[0]),
        direct.run(codes[20:], key=[10, 11]),
    ]
    for i in whole.tensors:
        np.testing.assert_array_equal(whole.tensors[i], np.concatenate([p.tensors[i] for p in parts]))
    for name in whole.outputs:
        np.testing.assert_array_equal(whole.outputs[name], np.concatenate([p.outputs[name] for p in parts]))
    np.testing.assert_array_equal(np.flatnonzero(whole.key), [0, 7, 30, 31])


@pytest.mark.parametrize("threshold", [2, 8])
def test_what_a_threshold_does(pnet, codes, threshold):
    lossless = GoldenModel(pnet).run(codes)
    lossy = GoldenModel(pnet, threshold).run(codes)
    thresholds = thresholds_for(pnet, threshold)
    assert thresholds[0] == threshold
    error = np.abs(lossy.tensors[0].astype(int) - codes)
    assert error.max() == threshold
    assert lossy.sent[0][1:].sum() < lossless.sent[0][1:].sum()
    for i, tensor in enumerate(pnet.tensors):
        step = np.abs(np.diff(lossy.tensors[i].astype(int), axis=0))
        assert not ((step > 0) & (step <= thresholds[i])).any(), tensor.name
    outputs = {o.tensor for o in pnet.outputs}
    assert all(thresholds[i] == 0 for i in outputs)
    np.testing.assert_array_equal(lossy.tensors[0][0], codes[0])


def test_long_runs_do_not_drift(pnet, codes):
    """The same frames over and over, in blocks that do not divide them, end where they began."""
    golden = GoldenModel(pnet, 0)
    first = golden.run(codes).outputs
    for _ in range(2):
        golden.run(codes[::-1])
        last = golden.run(codes).outputs
    for name, values in first.items():
        np.testing.assert_array_equal(last[name], values)


def test_a_still_frame_issues_nothing(pnet, codes):
    trace = GoldenModel(pnet, 0).run(np.concatenate([codes[:2], codes[1:2]]))
    for counts in trace.macs.values():
        assert counts.delta[1] > 0
        assert counts.delta[2] == 0
    assert all(sent[2] == 0 for sent in trace.sent.values())
