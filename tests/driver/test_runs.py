"""Frames as runs of pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillframe.contract.array import PACKET_BYTES
from stillframe.driver.runs import MAX_CHANNELS, encode_runs


def apply_runs(payloads: list[bytes], into: np.ndarray) -> np.ndarray:
    """What a device makes of INPUT packets: runs do not straddle them, and stay within the frame."""
    pixels = into.copy().reshape(-1, into.shape[-1])
    position, channels = 0, into.shape[-1]
    for payload in payloads:
        assert len(payload) <= PACKET_BYTES
        while payload:
            skip, count = payload[:2]
            position += skip
            assert position + count <= len(pixels)
            data = np.frombuffer(payload[2 : 2 + count * channels], np.int8)
            pixels[position : position + count] = data.reshape(count, channels)
            position += count
            payload = payload[2 + count * channels :]
    return pixels.reshape(into.shape)


@st.composite
def frame_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """(sent, new) frames of any shape and similarity."""
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 60), st.sampled_from([1, 2, 3, 16, 500, 1022])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sent = rng.integers(-128, 128, shape, np.int8)
    share = draw(st.sampled_from([0, 0.01, 0.1, 0.5, 0.9, 1]))
    new = rng.integers(-128, 128, shape, np.int8)
    return sent, np.where(rng.random(shape[:2])[..., np.newaxis] < share, new, sent)


@given(frame_pairs())
def test_runs_turn_the_sent_frame_into_the_new_one(pair):
    sent, new = pair
    changed = list(encode_runs(new, sent))
    np.testing.assert_array_equal(apply_runs(changed, sent), new)
    dense = list(encode_runs(new))
    np.testing.assert_array_equal(apply_runs(dense, np.zeros_like(new)), new)
    overhead = 2 * len(changed)  # packets end a run
    assert sum(map(len, changed)) <= sum(map(len, dense)) + overhead


def test_still_frame_takes_no_packet():
    frame = np.zeros((48, 60, 3), np.int8)
    assert list(encode_runs(frame, frame)) == []


def test_dense_frame_skips_nothing_and_fills_packets():
    frame = np.arange(2 * 300, dtype=np.int16).reshape(2, 300, 1).astype(np.int8)
    payloads = list(encode_runs(frame))
    assert [len(p) for p in payloads] == [600 + 3 * 2]
    assert payloads[0][0] == payloads[0][257] == payloads[0][514] == 0


@pytest.mark.parametrize(("gap", "runs"), [(1, 1), (2, 1), (3, 2), (255, 2), (256, 3), (511, 4)])
def test_gap_of_one_channel_is_bridged_where_that_is_shorter(gap, runs):
    sent = np.zeros((1, 600, 1), np.int8)
    new = sent.copy()
    new[0, [0, gap + 1], 0] = 1
    (payload,) = encode_runs(new, sent)
    assert len(payload) == 2 * runs + (2 + gap if runs == 1 else 2)


def test_longest_pixel_fills_a_packet():
    frame = np.ones((1, 3, MAX_CHANNELS), np.int8)
    assert [len(p) for p in encode_runs(frame)] == [PACKET_BYTES] * 3
